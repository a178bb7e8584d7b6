using Uffd.Paging;

namespace Uffd.Tool.OutOfCore;

/// <summary>Records in memory of one's own.</summary>
internal sealed class PagedRecords(PagedRegion region) : IRecordMemory
{
    public void Read(long offset, Span<byte> destination) => region.Memory.CopyTo(offset, destination);

    public void Write(long offset, ReadOnlySpan<byte> source) => region.Memory.CopyFrom(offset, source);

    public void Flush() => region.Flush();
}
