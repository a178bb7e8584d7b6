namespace Uffd.Paging.Tests.Stores;

/// <summary>Writes and flushes, always the same, and what a store has after each of the flushes.</summary>
internal sealed class JournalWorkload
{
    public const int Page = PackedPages.Page;
    public const int Length = (7 * Page) - 100;

    /// <summary>Which pages each round writes, in this order: a page may come again.</summary>
    private static readonly int[][] Rounds = [[0, 3, 6], [3, 3, 1, 0, 3], [5], [6, 2, 4, 4, 1]];

    /// <summary>What the store is after so many flushes.</summary>
    public static byte[] StateAfter(int flushes)
    {
        byte[] state = new byte[7 * Page];
        for (int round = 0; round < flushes; round++)
        {
            for (int step = 0; step < Rounds[round].Length; step++)
            {
                Content(round, step).CopyTo(state, Rounds[round][step] * Page);
            }
        }

        return state[..Length];
    }

    public static int Flushes => Rounds.Length;

    /// <summary>How many flushes have returned.</summary>
    public int Acknowledged { get; private set; }

    /// <summary>Whether one has begun since.</summary>
    public bool IsFlushing { get; private set; }

    /// <summary>Does all of it, or what is left of it after something was thrown.</summary>
    public void Run(IPageStore store)
    {
        while (Acknowledged < Flushes)
        {
            int[] pages = Rounds[Acknowledged];
            for (int step = 0; step < pages.Length; step++)
            {
                store.Write((ulong)(pages[step] * Page), Content(Acknowledged, step));
                Assert.Equal(Content(Acknowledged, step)[..100], PackedPages.Read(store, (ulong)(pages[step] * Page), 100));
            }

            IsFlushing = true;
            store.Flush();
            IsFlushing = false;
            Acknowledged++;
        }
    }

    /// <summary>Whether a store may have this content.</summary>
    public bool Allows(byte[] content)
        => content.AsSpan().SequenceEqual(StateAfter(Acknowledged)) || (IsFlushing && content.AsSpan().SequenceEqual(StateAfter(Acknowledged + 1)));

    private static byte[] Content(int round, int step)
    {
        byte[] page = new byte[Page];
        new Random((round * 100) + step + 1).NextBytes(page);
        return page;
    }
}
