using System.Globalization;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Which mappings a snapshot keeps: what a core file of the process would have by its filter (core(5)), so that a snapshot is what the user expects from a core.
/// </summary>
/// <param name="filter">The bits of /proc/PID/coredump_filter.</param>
internal sealed class RegionPolicy(int filter)
{
    /// <summary>The kernel's default: private and shared anonymous memory, ELF headers, private huge pages.</summary>
    public const int DefaultFilter = 0x33;

    private const int AnonymousPrivate = 1 << 0;
    private const int AnonymousShared = 1 << 1;
    private const int MappedPrivate = 1 << 2;
    private const int MappedShared = 1 << 3;
    private const int ElfHeaders = 1 << 4;
    private const int HugePrivate = 1 << 5;
    private const int HugeShared = 1 << 6;

    /// <summary>Reads a process's own filter.</summary>
    public static int FilterOf(int processId)
    {
        try
        {
            string text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/coredump_filter")).Trim();
            return int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int bits) ? bits : DefaultFilter;
        }
        catch (IOException)
        {
            return DefaultFilter; // a kernel without core files
        }
    }

    /// <summary>Decides about a mapping.</summary>
    /// <param name="region">The mapping.</param>
    /// <param name="details">What smaps tells of it, or null where it came since that was read.</param>
    public CaptureRegion Decide(MappedRegion region, RegionDetails? details)
    {
        bool huge = details?.Has("ht") == true;
        bool unlinked = region.Name.EndsWith(" (deleted)", StringComparison.Ordinal);
        RegionContent content = Content(region, details, huge, unlinked);
        return new CaptureRegion
        {
            Mapping = region,
            Content = content,
            IsBlind = details is null,
            IsDevice = details is not null && (details.Has("io") || details.Has("pf")),
            IsBackedByFile = content == RegionContent.Whole && region.IsFile && !huge, // reading huge pages that nobody touched would take them from the pool
            IsSharedWithOthers = region.IsShared && details?.SharedWithOthers > 0,
            Resident = details is null ? 0 : details.Swapped + (content == RegionContent.Changed ? details.Anonymous : details.Resident),
            KeepsHeader = content == RegionContent.Changed && Has(ElfHeaders) && region.Offset == 0 && region.Permissions.HasFlag(RegionPermissions.Read),
        };
    }

    private RegionContent Content(MappedRegion region, RegionDetails? details, bool huge, bool unlinked)
    {
        if (string.Equals(region.Name, "[vdso]", StringComparison.Ordinal))
        {
            return RegionContent.Whole; // always, as the kernel does: debuggers unwind through it
        }

        if (!WriteTracking.CanFollow(region) || details?.Has("io") == true || details?.Has("pf") == true || details?.Has("dd") == true)
        {
            return RegionContent.None;
        }

        if (huge)
        {
            return Has(region.IsShared ? HugeShared : HugePrivate) ? RegionContent.Whole : RegionContent.None;
        }

        if (region.IsShared)
        {
            // Shared anonymous memory, memfds and System V segments are files without a name.
            return Has(unlinked ? AnonymousShared : MappedShared) ? RegionContent.Whole : RegionContent.None;
        }

        if (!region.IsFile)
        {
            return Has(AnonymousPrivate) ? RegionContent.Whole : RegionContent.None;
        }

        // A file that has no name any more cannot be asked for its pages later.
        return Has(MappedPrivate) || (unlinked && Has(AnonymousPrivate)) ? RegionContent.Whole
            : Has(AnonymousPrivate) ? RegionContent.Changed : RegionContent.None;
    }

    private bool Has(int bit) => (filter & bit) != 0;
}
