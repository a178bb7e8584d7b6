using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>How a <see cref="MemoryLanding"/> works.</summary>
public sealed record MemoryLandingOptions
{
    /// <summary>
    /// How the memory is served after the switch. Its background fill, failure policy, target process and source timeout are the landing's own: all is brought, a page that is lost
    /// is poisoned, and a broken connection is waited for. Default: as an address space has it.
    /// </summary>
    public AddressSpaceOptions Paging { get; init; } = new();

    /// <summary>How the memory is mapped by <see cref="MemoryLanding.Create"/>; pages of the system's own size. Default: private anonymous memory.</summary>
    public MemoryMappingOptions Mapping { get; init; } = new();

    /// <summary>Told what is worth telling: poisoned pages, forks. As <see cref="PagerOptions.Notice"/>. Default: nobody.</summary>
    public Action<PagerNotice>? Notice { get; init; }
}
