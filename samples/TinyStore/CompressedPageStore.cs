using System.Collections.Concurrent;
using System.IO.Compression;
using Uffd.Paging;

namespace Uffd.Samples;

/// <summary>Keeps pages compressed in memory, as zram does for a whole system. docs/stores.md shows it.</summary>
internal sealed class CompressedPageStore(ulong length) : IPageStore
{
    private static readonly int Page = Environment.SystemPageSize;

    private readonly ConcurrentDictionary<ulong, byte[]> _pages = new();

    public ulong Length => length; // whole pages

    public long StoredBytes => _pages.Values.Sum(page => (long)page.Length);

    public void Read(ulong offset, Span<byte> destination)
    {
        for (; destination.Length > 0; destination = destination[Page..], offset += (ulong)Page)
        {
            destination[..Page].Clear(); // what was never written is zeros
            if (_pages.TryGetValue(offset, out byte[]? packed) && !BrotliDecoder.TryDecompress(packed, destination[..Page], out _))
            {
                throw new IOException($"the page at {offset} is damaged"); // never wrong bytes
            }
        }
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        Span<byte> packed = new byte[BrotliEncoder.GetMaxCompressedLength(Page)];
        for (; source.Length > 0; source = source[Page..], offset += (ulong)Page)
        {
            BrotliEncoder.TryCompress(source[..Page], packed, out int size, quality: 1, window: 16);
            _pages[offset] = packed[..size].ToArray();
        }
    }

    public void Flush() // nothing of it outlives the process
    {
    }

    public void Dispose() => _pages.Clear();
}
