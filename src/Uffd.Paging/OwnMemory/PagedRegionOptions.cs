namespace Uffd.Paging;

/// <summary>What happens to pages that were written and not saved when a region is disposed.</summary>
public enum RegionDisposal
{
    /// <summary>They are saved and made durable, as by <see cref="PagedRegion.Flush"/>.</summary>
    Flush,

    /// <summary>They are dropped. What was saved before, by a flush or to make room, is in the store.</summary>
    Discard,
}

/// <summary>How a <see cref="PagedRegion"/> behaves.</summary>
public sealed record PagedRegionOptions
{
    /// <summary>
    /// The most bytes of it that are in memory at once, rounded down to pages; at least 256 KiB. Beside it the region needs a few bytes for
    /// each page that is in memory, a byte for each that ever was, and some MiB of buffers. Default: 256 MiB.
    /// </summary>
    public ulong MemoryLimit { get; init; } = 256UL << 20;

    /// <summary>The share of the limit above which cold pages begin to go. Default: 0.95. Lower leaves more room for bursts and keeps fewer pages.</summary>
    public double HighWatermark { get; init; } = 0.95;

    /// <summary>The share at which that ends again. Default: 0.9. The two apart make batches: fewer, larger writes.</summary>
    public double LowWatermark { get; init; } = 0.9;

    /// <summary>
    /// The most bytes that are brought ahead of accesses in order, an eighth of the limit at the most; 0 for none. Default: 16 MiB, which a disk wants that is
    /// read past the page cache. It grows towards that while it is used; where accesses are scattered it costs nothing.
    /// </summary>
    public ulong ReadAheadBytes { get; init; } = 16UL << 20;

    /// <summary>
    /// How often a read or a write that failed is tried again, after 10 ms, then twice as long each time up to a second. Default: 3. After
    /// that a read is an exception of the access that needed it; a write makes the region read-only.
    /// </summary>
    public int Retries { get; init; } = 3;

    /// <summary>What disposing does with what was written. Default: saves it.</summary>
    public RegionDisposal OnDispose { get; init; } = RegionDisposal.Flush;

    /// <summary>Whether disposing the region disposes the store. Default: true.</summary>
    public bool OwnsStore { get; init; } = true;

    /// <exception cref="ArgumentException">A value is out of bounds.</exception>
    internal static void Validate(PagedRegionOptions options, ulong pageSize)
    {
        string? wrong = options.MemoryLimit < 64 * pageSize ? $"the limit must be at least {64 * pageSize} bytes, and is {options.MemoryLimit}"
            : options.Retries < 0 ? $"the retries must not be negative, and are {options.Retries}"
            : !(options.LowWatermark > 0 && options.LowWatermark <= options.HighWatermark && options.HighWatermark <= 1)
                ? $"the watermarks must be 0 < low <= high <= 1, and are {options.LowWatermark} and {options.HighWatermark}"
            : null;
        if (wrong is not null)
        {
            throw new ArgumentException(wrong, nameof(options));
        }
    }
}
