using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>Memory that begins at a page, for what goes past the page cache: no more of it than some pages, whatever is asked for.</summary>
internal readonly unsafe ref struct AlignedBuffer
{
    /// <summary>The most bytes it has.</summary>
    public const int Longest = 256 << 10;

    private static readonly int PageSize = Environment.SystemPageSize;

    private readonly void* _memory;

    /// <param name="length">How many bytes are of use: it has whole pages of about so many, or fewer.</param>
    public AlignedBuffer(int length)
    {
        int size = Math.Max(PageSize, Math.Min(length, Longest) / PageSize * PageSize);
        _memory = NativeMemory.AlignedAlloc((nuint)size, (nuint)PageSize);
        Span = new Span<byte>(_memory, size); // as many as were just allocated; used until Dispose only
    }

    public Span<byte> Span { get; }

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
