namespace Uffd.Snapshots.Tests;

/// <summary>Stamped pages have one boundary: test/native/invariantpages.c.</summary>
/// <param name="symbols">What the process told.</param>
internal sealed class PagesInvariant(IReadOnlyDictionary<string, ulong> symbols) : IInvariant
{
    /// <inheritdoc/>
    public void Check(ISnapshot snapshot)
    {
        ulong count = symbols["pages.count"];
        ulong[] words = snapshot.ReadWords(symbols["pages.base"], count * SnapshotWords.WordsPerPage);
        ulong generation = 0;
        ulong? boundary = null;
        for (ulong step = 0; step < count; step++)
        {
            ulong index = unchecked(step * symbols["pages.multiplier"]) & (count - 1);
            ReadOnlySpan<ulong> page = words.AsSpan((int)index * SnapshotWords.WordsPerPage, SnapshotWords.WordsPerPage);
            ulong sequence = page[0];
            if (step == 0)
            {
                generation = (sequence + 1) / 2;
                Expect(generation is > 0 and < 1UL << 40, $"page {index} has the sequence {sequence}");
            }

            bool isHalfWritten = sequence == (2 * generation) - 1;
            bool isBefore = sequence == 2 * (generation - 1);
            Expect(
                isBefore || (boundary is null && (isHalfWritten || sequence == 2 * generation)),
                $"page {index}, written as number {step}, has the sequence {sequence}; generation {generation} had come to "
                + (boundary is { } behind ? $"number {behind}" : "there at least"));
            boundary ??= isBefore || isHalfWritten ? step : null;
            if (isHalfWritten)
            {
                int written = SnapshotWords.CountUp(page[1..], Stamp(generation, index));
                ulong rest = unchecked(Stamp(generation - 1, index) + (ulong)written);
                Expect(SnapshotWords.CountUp(page[(1 + written)..], rest) == page.Length - 1 - written, $"page {index} is neither the old one nor the new one behind word {written}");
            }
            else
            {
                Expect(SnapshotWords.CountUp(page[1..], Stamp(sequence / 2, index)) == page.Length - 1, $"page {index} says that generation {sequence / 2} is written, and it is not");
            }
        }
    }

    private static ulong Stamp(ulong generation, ulong index) => unchecked(SnapshotWords.Mix(generation) + (index << 32));

    private static void Expect(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new BrokenInvariantException($"pages: {otherwise}");
        }
    }
}
