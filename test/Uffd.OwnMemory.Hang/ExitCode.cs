namespace Uffd.OwnMemory.Hang;

/// <summary>What the program ends with.</summary>
internal enum ExitCode
{
    /// <summary>All went right, and what was to be met was met.</summary>
    Right = 0,

    /// <summary>Something was read or saved that was not written, or an access failed.</summary>
    Wrong = 1,

    /// <summary>The arguments could not be understood.</summary>
    Usage = 2,

    /// <summary>Nothing was missed, evicted or collected: it proves nothing.</summary>
    Inconclusive = 3,

    /// <summary>A thread or a task does not end, though the runtime goes on.</summary>
    Stuck = 4,
}
