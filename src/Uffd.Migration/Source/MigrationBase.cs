using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Content that both sides have already: an image that machines are started from.</summary>
/// <param name="Name">Names its exact content, a digest for one: a base of this name is the same everywhere. At most 128 bytes of UTF-8.</param>
/// <param name="Pages">The pages, at the same offsets as the region's. Not disposed.</param>
public sealed record MigrationBase(string Name, IPageSource Pages);
