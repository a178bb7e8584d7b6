namespace Uffd.Paging;

/// <summary>What is known of a run of bytes without reading it.</summary>
public enum SourceRunKind
{
    /// <summary>Must be read.</summary>
    Data,

    /// <summary>Known to be zeros.</summary>
    Zero,

    /// <summary>
    /// The source has nothing here: a hole of a sparse file. What lies below it (a base image) shows through;
    /// where nothing does, zeros.
    /// </summary>
    Hole,

    /// <summary>The content is known to be lost: a page with any of it is poisoned at once, and who touches it gets SIGBUS.</summary>
    Poisoned,
}

/// <summary>A run of bytes of one kind.</summary>
/// <param name="Length">How many bytes, from the offset that was asked.</param>
/// <param name="Kind">The kind.</param>
public readonly record struct SourceRun(ulong Length, SourceRunKind Kind);

/// <summary>How a source's bytes can be used where they are.</summary>
public enum DirectAccess
{
    /// <summary>They are not in memory: they must be read into a buffer.</summary>
    None,

    /// <summary>Only the kernel may read them there, because a touch could fail: a mapped file that someone may cut short.</summary>
    KernelOnly,

    /// <summary>They are plain memory.</summary>
    Full,
}

/// <summary>
/// Where pages come from. Content does not change while it is served. All members may be called from several threads at
/// once. Bytes behind <see cref="Length"/>, up to the end of the page, are zeros.
/// </summary>
public interface IPageSource : IDisposable
{
    /// <summary>How many bytes it has.</summary>
    ulong Length { get; }

    /// <summary>What is known of the bytes at an offset. Quick: it does no input.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes are of interest; the answer may be shorter, but not empty.</param>
    SourceRun GetRun(ulong offset, ulong length) => new(length, SourceRunKind.Data);

    /// <summary>Where the bytes are in this process's memory, if they are, so that they are copied without a buffer in between.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="address">Valid as long as this source.</param>
    DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        address = 0;
        return DirectAccess.None;
    }

    /// <summary>Reads bytes; may block. Bytes behind the end are zeros.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="destination">Filled whole.</param>
    /// <exception cref="IOException">They cannot be had now. The pager tries again, then applies its failure policy.</exception>
    void Read(ulong offset, Span<byte> destination);

    /// <summary>
    /// How many reads it answers at once better than one after the other. 0, the default: its reads are quick (memory, the page
    /// cache) and are made by the thread that serves the fault. Above 0 its reads take their time (a disk, a network): they go through
    /// <see cref="ReadAsync"/>, at most so many at once, those that a fault waits for before all others, and no fault waits
    /// behind another's read.
    /// </summary>
    int Concurrency => 0;

    /// <summary>
    /// Reads bytes without holding up a thread. By default a thread of its own calls <see cref="Read"/>. Used only where
    /// <see cref="Concurrency"/> is above 0.
    /// </summary>
    /// <param name="offset">Where.</param>
    /// <param name="destination">Filled whole. Native memory, valid until the task ends, however it ends.</param>
    /// <param name="cancellation">Cancelled when nobody wants it any more. The task ends soon then, or its buffer is kept until it does.</param>
    ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => BlockingReads.Shared.RunAsync(this, offset, destination, cancellation);
}
