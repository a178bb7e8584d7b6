using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// The pages of a region that were still at the source at the switch. <see cref="IPageSource.GetRun"/> tells <see cref="SourceRunKind.Data"/> of those, for as long as this lives
/// and however often they are fetched, <see cref="SourceRunKind.Hole"/> of all others and <see cref="SourceRunKind.Poisoned"/> of those that the source could not read; once the source has been given up, of all that were data. Reads wait
/// while the connection is broken, until it is resumed or the source is given up.
/// </summary>
public interface IMigratedPages : IPrioritizedPageSource
{
    /// <summary>How many bytes were still missing at the switch.</summary>
    ulong MissingBytes { get; }
}
