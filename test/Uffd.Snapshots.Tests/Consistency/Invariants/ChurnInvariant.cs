namespace Uffd.Snapshots.Tests;

/// <summary>Regions that come and go are as their table tells: test/native/invariantchurn.c.</summary>
/// <param name="symbols">What the process told.</param>
/// <param name="mayLackHidden">Whether the copy may leave out mappings that are PROT_NONE, as gcore does.</param>
internal sealed class ChurnInvariant(IReadOnlyDictionary<string, ulong> symbols, bool mayLackHidden = false) : IInvariant
{
    private const ulong MostPages = 4096;
    private const int EntryWords = 8;

    private enum State
    {
        Unclaimed,
        Ready,
        Rewriting,
        Discarding,
        Discarded,
        Freeing,
        Refilling,
        Moving,
        Moved,
        Hidden,
    }

    /// <summary>How often the process was refused a move by the kernel, for which it gives no reason itself: someone else cut its mappings.</summary>
    /// <param name="snapshot">A copy of it.</param>
    public ulong Refusals(ISnapshot snapshot) => snapshot.ReadWord(symbols["churn.refusals"]);

    /// <inheritdoc/>
    public void Check(ISnapshot snapshot)
    {
        ulong count = symbols["churn.count"];
        ulong[] table = snapshot.ReadWords(symbols["churn.table"], count * EntryWords);
        for (ulong place = 0; place < count; place++)
        {
            ReadOnlySpan<ulong> entry = table.AsSpan((int)place * EntryWords, EntryWords);
            var region = new Region(place, (State)(entry[0] & 0xff), entry[0] >> 8, entry[1], entry[2], entry[3], entry[4], entry[5]);
            CheckRegion(snapshot, region);
        }
    }

    private void CheckRegion(ISnapshot snapshot, Region region)
    {
        if (region.State == State.Unclaimed)
        {
            return;
        }

        region.Expect(region.State <= State.Hidden && region.Pages is > 0 and < MostPages, "the table is damaged");
        ulong length = region.Pages * SnapshotWords.WordsPerPage;
        bool isThere = snapshot.TryReadWords(region.Address, length, out ulong[]? words);
        switch (region.State)
        {
            case State.Moving:
                for (ulong page = 0; page < region.Pages; page++)
                {
                    region.Expect(HasPage(snapshot, region, region.Address, page) || HasPage(snapshot, region, region.Other, page), $"page {page} is neither where it was nor where it goes");
                }

                break;
            case State.Moved:
                region.Expect(snapshot.TryReadWords(region.Other, length, out ulong[]? others), "the copy does not have it");
                region.Expect(region.Has(others!), "it is not where it went");
                break;
            case State.Hidden:
                region.Expect(isThere || mayLackHidden, "the copy does not have it");
                region.Expect(!isThere || region.Has(words!), "its content is another");
                break;
            default:
                region.Expect(isThere, "the copy does not have it");
                CheckPages(region, words!);
                break;
        }
    }

    private static bool HasPage(ISnapshot snapshot, Region region, ulong address, ulong page)
        => snapshot.TryReadWords(address + (page * SnapshotWords.PageSize), SnapshotWords.WordsPerPage, out ulong[]? words) && region.HasPage(words, page);

    private static void CheckPages(Region region, ulong[] words)
    {
        bool isRewritten = region.State == State.Rewriting;
        for (ulong page = 0; page < region.Pages; page++)
        {
            ReadOnlySpan<ulong> content = words.AsSpan((int)page * SnapshotWords.WordsPerPage, SnapshotWords.WordsPerPage);
            bool isChosen = page >= region.First && page < region.Last;
            switch (region.State)
            {
                case State.Rewriting when isRewritten:
                    int written = SnapshotWords.CountUp(content, region.Word(page, region.Generation + 1));
                    isRewritten = written == content.Length;
                    ulong rest = unchecked(region.Word(page, region.Generation) + (ulong)written);
                    region.Expect(SnapshotWords.CountUp(content[written..], rest) == content.Length - written, $"page {page} is neither the old one nor the new one behind word {written}");
                    break;
                case State.Discarded when isChosen:
                    region.Expect(!content.ContainsAnyExcept(0UL), $"page {page} was discarded, and is not zeros");
                    break;
                case State.Discarding or State.Freeing when isChosen:
                    region.Expect(region.HasPage(content, page) || !content.ContainsAnyExcept(0UL), $"page {page} is neither its content nor zeros");
                    break;
                case State.Refilling when isChosen:
                    break;
                default:
                    region.Expect(region.HasPage(content, page), $"page {page} is not its content");
                    break;
            }
        }
    }

    private readonly record struct Region(ulong Place, State State, ulong Generation, ulong Address, ulong Pages, ulong First, ulong Last, ulong Other)
    {
        public ulong Word(ulong page, ulong generation)
            => unchecked(SnapshotWords.Mix((generation << 16) | Place) + (page * SnapshotWords.WordsPerPage));

        public bool HasPage(ReadOnlySpan<ulong> content, ulong page) => SnapshotWords.CountUp(content, Word(page, Generation)) == content.Length;

        public bool Has(ReadOnlySpan<ulong> words) => SnapshotWords.CountUp(words, Word(0, Generation)) == words.Length;

        public void Expect(bool condition, string otherwise)
        {
            if (!condition)
            {
                throw new BrokenInvariantException(
                    $"churn: region {Place}, {State}, generation {Generation}, {Pages} pages at 0x{Address:x} (to 0x{Other:x}, [{First}, {Last})): {otherwise}");
            }
        }
    }
}
