namespace Uffd.Paging;

/// <summary>Why pages are brought.</summary>
internal enum FillKind
{
    /// <summary>A fault waits for one of them.</summary>
    Demand,

    /// <summary>A fault nearby makes it likely that they are touched next.</summary>
    ReadAhead,

    /// <summary>They were touched when the working set was recorded.</summary>
    Replay,

    /// <summary>Nobody has touched them yet.</summary>
    Background,
}
