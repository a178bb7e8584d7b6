namespace Uffd.Paging;

/// <summary>What a lease is for.</summary>
public enum PageAccess
{
    /// <summary>To read. Writing all the same may be lost.</summary>
    Read,

    /// <summary>To read and write. Only what is really written is saved.</summary>
    Write,
}
