using System.Buffers;
using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// Native memory that a source reads into and the kernel copies from. Native, because a read may outlive everything else that knows
/// of it, and the collector must not have to pin it meanwhile.
/// </summary>
internal sealed unsafe class FetchBuffer : MemoryManager<byte>
{
    private const int HugeBytes = 2 << 20;

    private readonly Block _block;

    public FetchBuffer(int bytes)
    {
        Bytes = bytes;
        _block = bytes < HugeBytes ? new HeapBlock(bytes) : new MappedBlock(bytes);
    }

    public int Bytes { get; }

    public ulong Address => (ulong)_block.DangerousGetHandle(); // whoever uses the address holds this object

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_block.IsClosed, this);
        return new Span<byte>((void*)_block.DangerousGetHandle(), Bytes); // all of what was allocated
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)Bytes, nameof(elementIndex));
        return new MemoryHandle((byte*)_block.DangerousGetHandle() + elementIndex, default, this); // it never moves; the handle keeps this alive
    }

    public override void Unpin()
    {
        // It was never pinned.
    }

    public void Free() => _block.Dispose();

    protected override void Dispose(bool disposing) => Free();

    /// <summary>Frees the memory also where a source that was let go of leaves its buffers behind.</summary>
    private abstract class Block : SafeHandle
    {
        protected Block()
            : base(invalidHandleValue: 0, ownsHandle: true)
        {
        }

        public override bool IsInvalid => handle == 0;
    }

    private sealed class HeapBlock : Block
    {
        public HeapBlock(int bytes) => SetHandle((nint)NativeMemory.AlignedAlloc((nuint)bytes, 4096));

        protected override bool ReleaseHandle()
        {
            NativeMemory.AlignedFree((void*)handle);
            return true;
        }
    }

    /// <summary>
    /// Large buffers are huge pages where there are some: a disk that is read past the page cache takes a few hundred pieces of memory at once, and
    /// each page is one.
    /// </summary>
    private sealed class MappedBlock : Block
    {
        private readonly MemoryMapping _mapping;

        public MappedBlock(int bytes)
        {
            _mapping = MemoryMapping.CreateAnonymous((ulong)bytes, new MemoryMappingOptions { Pages = MappingPages.TransparentHuge });
            SetHandle((nint)_mapping.Address);
        }

        protected override bool ReleaseHandle()
        {
            _mapping.Dispose();
            return true;
        }
    }
}
