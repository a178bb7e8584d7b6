using System.Runtime.InteropServices;

namespace Uffd.Snapshots;

/// <summary>The pages of a block on their way to the file.</summary>
internal sealed unsafe class BlockBuffer : IDisposable
{
    private readonly int _pageSize;
    private void* _memory;

    public BlockBuffer(int pages, int pageSize)
    {
        _pageSize = pageSize;
        PageNumbers = new ulong[pages];
        _memory = NativeMemory.AlignedAlloc((nuint)(pages * pageSize), (nuint)pageSize);
    }

    /// <summary>The block's number.</summary>
    public int Block { get; set; }

    /// <summary>Pages that it has.</summary>
    public int Count { get; set; }

    public bool IsFull => Count == PageNumbers.Length;

    /// <summary>Which pages they are.</summary>
    public ulong[] PageNumbers { get; }

    public Span<byte> this[int slot] => new((byte*)_memory + ((nint)slot * _pageSize), _pageSize); // within what was allocated: slots are below PageNumbers.Length

    /// <summary>The first pages, one behind the other.</summary>
    public ReadOnlySpan<byte> First(int pages) => new(_memory, pages * _pageSize);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}
