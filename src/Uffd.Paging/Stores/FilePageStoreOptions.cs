namespace Uffd.Paging;

/// <summary>How a <see cref="FilePageStore"/> is opened.</summary>
public sealed record FilePageStoreOptions
{
    /// <summary>
    /// The length in bytes; it need not be whole pages. 0, the default: that of the file, whatever it is. Otherwise the file must be as long as
    /// that, unless it is made (<see cref="Create"/>) or may grow (<see cref="Extend"/>). It is never made shorter.
    /// </summary>
    public ulong Length { get; init; }

    /// <summary>
    /// Whether a file that is missing is made, or one that is empty made use of: <see cref="Length"/> bytes, all of them a hole that takes no
    /// room on the disk until it is written. Risk: the disk may be full by then; such a write fails, and nothing else is lost. Default: false.
    /// </summary>
    public bool Create { get; init; }

    /// <summary>Whether a file that is shorter than <see cref="Length"/> is made longer, with a hole at its end. Default: false.</summary>
    public bool Extend { get; init; }

    /// <summary>
    /// Whether reads and writes go past the page cache (O_DIRECT): the memory limit of a region is then all the memory that its pages take, and
    /// its reads and writes are made by several threads at once. Each read takes the disk's time; buffers that are not aligned to pages are
    /// copied. Refused where the file system cannot. Default: false, through the page cache, which keeps pages a second time as long as there is
    /// memory for it.
    /// </summary>
    public bool Direct { get; init; }

    /// <summary>What a flush promises. Default: <see cref="FileDurability.Synced"/>.</summary>
    public FileDurability Durability { get; init; }
}
