namespace Uffd.Paging;

/// <summary>tmp</summary>
public sealed class WorkingSet
{
    /// <summary>tmp</summary>
    public IReadOnlyList<SourceRange> Runs { get; init; } = [];
}
