using System.Buffers;

namespace Uffd.Paging;

/// <summary>A part of a region as <see cref="Memory{T}"/>.</summary>
internal sealed unsafe class RawRegionMemory(RawPagedRegion region, long offset, int length) : MemoryManager<byte>
{
    public override Span<byte> GetSpan() => region.AsSpan(offset, length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
        return new MemoryHandle((byte*)region.Pointer + offset + elementIndex, default, this); // inside the region, which never moves; the handle keeps it
    }

    public override void Unpin()
    {
        // It was never pinned.
    }

    protected override void Dispose(bool disposing)
    {
        // The memory is the region's.
    }
}
