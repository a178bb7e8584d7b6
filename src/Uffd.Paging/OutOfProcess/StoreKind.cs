namespace Uffd.Paging;

/// <summary>The stores that a pager process can open.</summary>
public enum StoreKind
{
    /// <summary>One's own: <see cref="IPageStoreFactory"/>.</summary>
    Custom,

    /// <summary>Memory of the pager process: for tests, it ends with it.</summary>
    Memory,

    /// <summary>A file, through the page cache.</summary>
    File,

    /// <summary>A file, past the page cache (O_DIRECT).</summary>
    DirectFile,

    /// <summary>A file that is only read, and a second one with the changes.</summary>
    Layered,
}
