namespace Uffd.Paging.Tests;

/// <summary>An array as a store. Reads of pages that are said to be bad fail.</summary>
internal sealed class SurfaceStore(byte[] bytes) : IPageStore
{
    /// <summary>The smallest limit a region may have: 64 pages.</summary>
    public static readonly ulong SmallestLimit = 64 * Pattern.Page;

    public byte[] Bytes => bytes;

    /// <summary>From this offset on nothing can be read.</summary>
    public ulong BadFrom { get; set; } = ulong.MaxValue;

    public ulong Length => (ulong)bytes.Length;

    /// <summary>A region over it of which a 64th part of the pages may be in memory, or 64 pages.</summary>
    public PagedRegion Open() => PagedRegion.Create(this, new PagedRegionOptions { MemoryLimit = SmallestLimit, Retries = 0 });

    public void Read(ulong offset, Span<byte> destination)
    {
        if (offset + (ulong)destination.Length > BadFrom)
        {
            throw new IOException($"byte {BadFrom} cannot be had");
        }

        int available = (int)Math.Min((ulong)destination.Length, Length - offset);
        bytes.AsSpan((int)offset, available).CopyTo(destination);
        destination[available..].Clear();
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source)
        => source[..(int)Math.Min((ulong)source.Length, Length - offset)].CopyTo(bytes.AsSpan((int)offset));

    public void Flush()
    {
        // It is as durable as it gets.
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
