namespace Uffd.Paging;

/// <summary>
/// A write to a region that takes none: it was opened to be read only, or its store could not write pages back. In the second case all
/// that was written before is still in memory and can be read; a <see cref="PagedRegion.Flush"/> that succeeds makes the region
/// writable again.
/// </summary>
public sealed class RegionReadOnlyException : IOException
{
    /// <summary>Creates one.</summary>
    /// <param name="message">The whole message: what happened and what to do.</param>
    public RegionReadOnlyException(string message)
        : base(message)
    {
    }

    /// <summary>Creates one around its cause.</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="innerException">What the store said.</param>
    public RegionReadOnlyException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates one without a message.</summary>
    public RegionReadOnlyException()
    {
    }
}
