namespace Uffd.Paging;

/// <summary>What pages are filled with.</summary>
internal enum ContentKind
{
    /// <summary>Bytes in this process's memory.</summary>
    Bytes,

    /// <summary>Zeros, for which memory is needed only when they are written.</summary>
    Zeros,

    /// <summary>Nothing: who touches them gets SIGBUS.</summary>
    Poison,

    /// <summary>What the shared image that the memory maps has there.</summary>
    Shared,
}

/// <summary>The content of a run of pages.</summary>
/// <param name="Kind">What.</param>
/// <param name="Address">Where the bytes are.</param>
internal readonly record struct PageContent(ContentKind Kind, ulong Address)
{
    public static PageContent Zeros => new(ContentKind.Zeros, 0);

    public static PageContent Poison => new(ContentKind.Poison, 0);

    public static PageContent Shared => new(ContentKind.Shared, 0);

    public static PageContent At(ulong address) => new(ContentKind.Bytes, address);

    /// <summary>The content behind the first bytes of it.</summary>
    public PageContent Skip(ulong bytes) => Kind == ContentKind.Bytes ? At(Address + bytes) : this;
}
