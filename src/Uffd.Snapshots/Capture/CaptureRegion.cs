using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>A mapping of the process, and how it is copied.</summary>
internal sealed class CaptureRegion
{
    /// <summary>The mapping.</summary>
    public required MappedRegion Mapping { get; init; }

    /// <summary>What the snapshot keeps of it.</summary>
    public required RegionContent Content { get; init; }

    /// <summary>
    /// Whether the file behind it has content that this process's page tables need not show: shared memory that others wrote, or a private mapping of a file
    /// that is kept whole.
    /// </summary>
    public required bool IsBackedByFile { get; init; }

    /// <summary>Whether it is a device's, and better left alone.</summary>
    public bool IsDevice { get; init; }

    /// <summary>Whether other processes map it too, and may write it unseen.</summary>
    public bool IsSharedWithOthers { get; init; }

    /// <summary>Whether its first page is kept although it is the file's: the header by which debuggers know the file.</summary>
    public bool KeepsHeader { get; init; }

    /// <summary>Whether it is one to be copied whose writes the kernel can follow. Whether they are followed at this moment only a scan tells.</summary>
    public bool CanBeFollowed => Content != RegionContent.None && WriteTracking.CanFollow(Mapping) && !IsRefused;

    /// <summary>Whether the kernel refused to follow it: it is copied whole while the process stands.</summary>
    public bool IsRefused { get; set; }

    /// <summary>Whether it is the kernel's and never changes: the vDSO, copied once.</summary>
    public bool IsConstant => Content == RegionContent.Whole && !WriteTracking.CanFollow(Mapping);

    /// <summary>Whether what its file has was copied.</summary>
    public bool HasFileContent { get; set; }

    /// <summary>Whether it was decided about without what smaps tells of it.</summary>
    public required bool IsBlind { get; init; }

    /// <summary>Bytes of it that were in memory or swap when it was first seen.</summary>
    public ulong Resident { get; init; }

    /// <summary>Its addresses.</summary>
    public AddressRange Range => Mapping.Range;

    /// <summary>What to ask about its pages.</summary>
    public PageQueries Queries => IsPrivateFile ? PageQueries.ChangedOnly : PageQueries.Whole;

    /// <summary>Whether its pages are a file's until they are changed, and again when they are discarded.</summary>
    public bool IsPrivateFile => Content == RegionContent.Changed || (IsBackedByFile && !IsShared);

    /// <summary>Whether its changes are seen by others that map the same file.</summary>
    public bool IsShared => Mapping.IsShared;
}
