using Uffd.Paging;

namespace Uffd.Migration.Tests.Service.Support;

/// <summary>What a memory tells, as pages.</summary>
internal static class Written
{
    public static IReadOnlyList<ulong> TakePages(this IMigrationMemory memory)
    {
        var ranges = new List<SourceRange>();
        memory.TakeWritten(ranges);
        return [.. ranges.SelectMany(range => Enumerable.Range(0, (int)(range.Length >> 12)).Select(index => (range.Offset >> 12) + (ulong)index)).Order()];
    }

    /// <summary>Copies pages as a migration does: those that are told.</summary>
    public static void CopyRound(this IMigrationMemory memory, IEnumerable<SourceRange> ranges, byte[] copy)
    {
        foreach (SourceRange range in ranges)
        {
            for (ulong done = 0; done < range.Length; done += 8 << 12)
            {
                memory.Read(range.Offset + done, copy.AsSpan((int)(range.Offset + done), (int)Math.Min(8 << 12, range.Length - done)));
            }
        }
    }
}
