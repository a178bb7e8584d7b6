namespace Uffd.Paging;

/// <summary>Pages that were claimed, and where their bytes come from.</summary>
internal struct PageFetch
{
    /// <summary>The first page.</summary>
    public long First;

    /// <summary>How many.</summary>
    public int Count;

    /// <summary>Where the bytes are, or 0 when they must be read into <see cref="Buffer"/>.</summary>
    public ulong Address;

    /// <summary>What they are read into, or null.</summary>
    public FetchBuffer? Buffer;

    /// <summary>Whether the bytes are new, and the store does not have them.</summary>
    public bool IsWritten;

    /// <summary>Whether nobody waits for them.</summary>
    public bool IsAhead;
}
