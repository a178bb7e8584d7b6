namespace Uffd.OwnMemory.Hang;

/// <summary>
/// Every way into paged memory. A public member that none of them names fails a test: who adds one adds a step for it to one of
/// these lists, or a list of their own here.
/// </summary>
internal static class AccessPaths
{
    /// <summary>All of them, in the order in which they are run.</summary>
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        .. ValuePaths.All,
        .. CopyPaths.All,
        .. LeasePaths.All,
        .. TaskPaths.All,
        .. ArrayPaths.All,
        .. ArrayTaskPaths.All,
        .. SequencePaths.All,
        .. StreamPaths.All,
        .. RegionPaths.All,
        .. LifePaths.All,
        .. OddPaths.All,
    ];
}
