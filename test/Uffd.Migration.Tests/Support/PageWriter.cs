namespace Uffd.Migration.Tests.Support;

/// <summary>Fills and changes the pages of a memory in all the ways that matter to whoever sends them.</summary>
/// <param name="basePages">Content that both sides have, of the memory's length; null for none.</param>
/// <param name="hotShare">The share of the memory, from its start, that is written.</param>
internal sealed class PageWriter(byte[]? basePages, double hotShare)
{
    private const int PageBytes = TestMemory.PageBytes;

    /// <summary>What the memory begins with.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="random">From where.</param>
    /// <param name="lostShare">The share of pages that cannot be read.</param>
    public void Fill(TestMemory memory, Random random, double lostShare)
    {
        for (int page = 0; page < memory.PageCount; page++)
        {
            if (random.NextDouble() < lostShare)
            {
                memory.Change(page, random.Next(2) == 0 ? PageKind.Poisoned : PageKind.Failing, static bytes => bytes.Fill(0xEE));
            }
            else
            {
                Change(memory, page, random);
            }
        }
    }

    /// <summary>Changes a page that can be.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="random">Which, and how.</param>
    public void Write(TestMemory memory, Random random)
    {
        int page = random.Next(Math.Max(1, (int)(memory.PageCount * hotShare)));
        if (memory.KindOf(page) is not (PageKind.Poisoned or PageKind.Failing))
        {
            Change(memory, page, random);
        }
    }

    private void Change(TestMemory memory, int page, Random random)
    {
        switch (random.Next(12))
        {
            case 0:
                memory.Change(page, PageKind.Hole, static bytes => bytes.Clear());
                break;
            case 1:
                memory.Change(page, PageKind.Zero, static bytes => bytes.Clear());
                break;
            case 2:
                memory.Change(page, PageKind.Data, static bytes => bytes.Clear());
                break;
            case 3 or 4 when basePages is not null:
                memory.Change(page, PageKind.Data, bytes => basePages.AsSpan(page * PageBytes, PageBytes).CopyTo(bytes));
                break;
            case 5 or 6:
                byte value = (byte)random.Next(1, 256);
                memory.Change(page, PageKind.Data, bytes => bytes.Fill(value)); // shrinks
                break;
            case 7 or 8:
                int at = random.Next(PageBytes - 8);
                long stamp = random.NextInt64(1, long.MaxValue);
                memory.Change(page, PageKind.Data, bytes => BitConverter.TryWriteBytes(bytes[at..], stamp));
                break;
            default:
                memory.Change(page, PageKind.Data, random.NextBytes);
                break;
        }
    }
}
