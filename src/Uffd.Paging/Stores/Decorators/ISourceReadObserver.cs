namespace Uffd.Paging;

/// <summary>How a read ended.</summary>
public enum SourceReadResult
{
    /// <summary>All bytes are there.</summary>
    Done,

    /// <summary>They could not be had.</summary>
    Failed,

    /// <summary>Nobody wanted them any more.</summary>
    Cancelled,
}

/// <summary>A read that has ended.</summary>
/// <param name="Offset">Where it began, in bytes.</param>
/// <param name="Length">How many bytes were asked for.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Result">How it ended.</param>
public readonly record struct SourceRead(ulong Offset, int Length, TimeSpan Elapsed, SourceReadResult Result);

/// <summary>Told of every read of a <see cref="MeteredPageSource"/>.</summary>
public interface ISourceReadObserver
{
    /// <summary>A read has ended. Called by the threads that read, several at once. Must be quick and not throw.</summary>
    /// <param name="read">The read.</param>
    void ReadEnded(in SourceRead read);
}
