using System.Buffers;

namespace Uffd.Paging;

/// <summary>A lease as the owner of a <see cref="Memory{T}"/>. Every span is asked of the lease, so that one that was given back is known.</summary>
internal sealed unsafe class LeaseMemory(PageLease lease) : MemoryManager<byte>
{
    public override Memory<byte> Memory => CreateMemory(lease.Length);

    public override Span<byte> GetSpan() => lease.GetUncheckedSpan();

    /// <summary>Its bytes do not move. The lease must be held as long as the handle is.</summary>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elementIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elementIndex, lease.Length);
        return new MemoryHandle((byte*)lease.UnsafeAddress + elementIndex, default, this); // inside the lease, or its end
    }

    public override void Unpin()
    {
        // Nothing was pinned.
    }

    protected override void Dispose(bool disposing) => lease.Dispose();
}
