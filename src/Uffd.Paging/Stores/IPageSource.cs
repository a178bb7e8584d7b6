namespace Uffd.Paging;

/// <summary>What is known of a run of bytes without reading it.</summary>
public enum SourceRunKind
{
    /// <summary>Must be read.</summary>
    Data,

    /// <summary>Known to be zeros: a hole of a sparse file, for one.</summary>
    Zero,
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
}
