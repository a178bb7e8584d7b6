namespace Uffd.OwnMemory.Hang;

/// <summary>A way into paged memory.</summary>
/// <param name="Name">What to call it on the command line.</param>
/// <param name="Covers">The public members that it uses, as <c>Type.Member</c>; an overload of several with its parameters' types: <c>Type.Member(Int64, Int32)</c>.</param>
/// <param name="Go">Uses them until the run is over.</param>
internal sealed record AccessPath(string Name, IReadOnlyList<string> Covers, Action<Run> Go)
{
    /// <summary>A step that several threads repeat over one region.</summary>
    public static AccessPath OnThreads(string name, Action<Worker> step, params IReadOnlyList<string> covers)
        => new(name, covers, run => run.OverRegion(region => run.OnThreads(region, step)));

    /// <summary>A step that several tasks repeat over one region.</summary>
    public static AccessPath InTasks(string name, Func<Worker, ValueTask> step, params IReadOnlyList<string> covers)
        => new(name, covers, run => run.OverRegion(region => run.InTasks(region, step)));

    /// <summary>Something else.</summary>
    public static AccessPath Whole(string name, Action<Run> go, params IReadOnlyList<string> covers) => new(name, covers, go);
}
