namespace Uffd.Paging;

/// <summary>
/// Pages in this process's memory, compressed: a memory that holds more than it takes. Pages of zeros cost nothing, pages that do
/// not shrink are kept as they are. What it holds ends with it: <see cref="Flush"/> has nothing to do.
/// </summary>
/// <remarks>
/// Any number of threads may read and write at once; only those at one and the same page wait for each other. In the long run nothing
/// is allocated for a page but its room. See docs/compressed-store.md.
/// </remarks>
public sealed class CompressedMemoryPageStore : IPageStore
{
    private const int PageBytes = PageEntry.PageBytes;

    // As many pages as a question is answered for without taking long.
    private const ulong MostPagesOfARun = 1 << 14;

    private readonly CompressedPages _pages;
    private readonly UseGate _gate = new();

    /// <summary>Makes a store of zeros.</summary>
    /// <param name="length">Its length in bytes, at least 1. It costs an eighth of a thousandth of it in addresses, and no memory.</param>
    /// <param name="options">How it keeps pages; null for the defaults.</param>
    /// <exception cref="UffdException">The algorithm's library is not installed: says which package brings it. Or the system has no memory.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The length is 0, the limit below 64 KiB, or there is no such algorithm or level.</exception>
    public CompressedMemoryPageStore(ulong length, CompressedMemoryPageStoreOptions? options = null)
    {
        options ??= new CompressedMemoryPageStoreOptions();
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxBytes, (ulong)SlabChunk.Bytes, nameof(options));
        Length = length;
        int level = options.Level ?? (options.Algorithm == CompressionAlgorithm.Zstd ? 1 : 0);
        CompressorPool compressors = CompressorPool.For(options.Algorithm, level);
        try
        {
            _pages = new CompressedPages(((length - 1) / PageBytes) + 1, compressors, options.MaxBytes);
        }
        catch
        {
            compressors.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ulong Length { get; }

    /// <summary>What it holds now.</summary>
    public CompressedMemoryPageStoreStatistics GetStatistics() => _pages.GetStatistics();

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (offset >= Length)
        {
            return new SourceRun(length, SourceRunKind.Zero);
        }

        int inside = _gate.Enter(this);
        try
        {
            ulong within = offset % PageBytes;
            ulong wanted = Math.Min(length, Length - offset);
            ulong pages = Math.Min(((within + wanted - 1) / PageBytes) + 1, MostPagesOfARun);
            ulong alike = _pages.CountAlike(offset / PageBytes, pages, out bool zeros);
            return new SourceRun(Math.Min(wanted, (alike * PageBytes) - within), zeros ? SourceRunKind.Zero : SourceRunKind.Data);
        }
        finally
        {
            _gate.Exit(inside);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">A page does not unpack to what it was: memory was damaged.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        int inside = _gate.Enter(this);
        try
        {
            int available = this.AvailableAt(offset, destination.Length);
            destination[available..].Clear();
            for (Span<byte> left = destination[..available]; left.Length > 0;)
            {
                int part = (int)Math.Min((ulong)left.Length, PageBytes - (offset % PageBytes));
                ReadPart(offset, left[..part]);
                left = left[part..];
                offset += (ulong)part;
            }
        }
        finally
        {
            _gate.Exit(inside);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">
    /// There is no room (<see cref="CompressedMemoryPageStoreOptions.MaxBytes"/>, or the system's). Each page is as it was or as it should be.
    /// </exception>
    /// <exception cref="ArgumentException">The bytes are no whole pages of the store.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        source = source[..this.RequirePages(offset, source.Length)];
        int inside = _gate.Enter(this);
        try
        {
            for (int done = 0; done < source.Length; done += PageBytes)
            {
                WritePage(offset + (ulong)done, source[done..Math.Min(source.Length, done + PageBytes)]);
            }
        }
        finally
        {
            _gate.Exit(inside);
        }
    }

    /// <summary>Does nothing: memory is not durable, and what was written can be read already.</summary>
    public void Flush()
    {
    }

    /// <summary>Frees all memory, when those reads and writes that are under way have ended.</summary>
    public void Dispose()
    {
        if (_gate.TryClose())
        {
            _pages.Dispose();
        }
    }

    private void ReadPart(ulong offset, Span<byte> destination)
    {
        if (destination.Length == PageBytes)
        {
            _pages.Read(offset / PageBytes, destination);
            return;
        }

        Span<byte> page = stackalloc byte[PageBytes];
        _pages.Read(offset / PageBytes, page);
        page.Slice((int)(offset % PageBytes), destination.Length).CopyTo(destination);
    }

    private void WritePage(ulong offset, ReadOnlySpan<byte> source)
    {
        if (source.Length == PageBytes)
        {
            _pages.Write(offset / PageBytes, source);
            return;
        }

        // Behind the end all is zeros, whatever is written there.
        Span<byte> page = stackalloc byte[PageBytes];
        source.CopyTo(page);
        page[source.Length..].Clear();
        _pages.Write(offset / PageBytes, page);
    }
}
