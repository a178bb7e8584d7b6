using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>A region at the source: its memory, and what of it is where.</summary>
internal sealed class SourceRegion
{
    public SourceRegion(int index, string name, IMigrationMemory memory, MigrationBase? migrationBase)
    {
        (Index, Name, Memory, Base) = (index, name, memory, migrationBase);
        PageCount = memory.Length / WirePage.Bytes;
        Pending = new PageSet(PageCount);
        Unacknowledged = new PageSet(PageCount);
        Unreadable = new PageSet(PageCount);
    }

    public int Index { get; }

    public string Name { get; }

    public IMigrationMemory Memory { get; }

    public MigrationBase? Base { get; }

    /// <summary>Whether the destination has the base.</summary>
    public bool IsBaseThere { get; set; }

    public ulong PageCount { get; }

    /// <summary>What is to be sent.</summary>
    public PageSet Pending { get; }

    /// <summary>What was sent, and may be lost with the connection.</summary>
    public PageSet Unacknowledged { get; }

    /// <summary>What could not be read.</summary>
    public PageSet Unreadable { get; }

    /// <summary>Finds what there is to send at first: everything but what was never written, which is zeros at the destination too. After tracking has begun.</summary>
    public void FindContent()
    {
        Pending.Clear();
        ulong length = Memory.Length;
        for (ulong offset = 0; offset < length;)
        {
            SourceRun run = Memory.GetRun(offset, length - offset);
            ulong end = Math.Min(length, offset + Math.Max(run.Length, 1));
            ulong first = offset >> WirePage.Shift, last = (end + WirePage.Bytes - 1) >> WirePage.Shift;
            if (run.Kind == SourceRunKind.Data)
            {
                Pending.Add(first, last - first);
            }
            else if (run.Kind == SourceRunKind.Poisoned)
            {
                Pending.Remove(first, last - first); // a page of which a part is lost is lost
                Unreadable.Add(first, last - first);
            }

            offset = end;
        }
    }

    /// <summary>Notes what was written: it is to be sent again, and may be readable now.</summary>
    public void Wrote(IEnumerable<SourceRange> written)
    {
        foreach (SourceRange range in written)
        {
            ulong first = range.Offset >> WirePage.Shift;
            ulong end = Math.Min(PageCount, (range.End + WirePage.Bytes - 1) >> WirePage.Shift);
            Pending.Add(first, end - first);
            Unreadable.Remove(first, end - first);
        }
    }
}
