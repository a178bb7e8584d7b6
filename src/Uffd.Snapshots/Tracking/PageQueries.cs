namespace Uffd.Snapshots;

/// <summary>The questions that are put to the kernel about pages (PAGEMAP_SCAN), made once: nothing is allocated while a process stands.</summary>
internal sealed class PageQueries
{
    private const ulong PiecePages = 2048; // protected and copied before the next are looked for: what is copied soon after is seldom written again
    private const PageCategories Populated = PageCategories.Present | PageCategories.Swapped;

    private PageQueries(bool changedOnly, PageCategories guard)
    {
        // A private mapping of a file: pages that are still the file's are not the process's.
        PageCategories own = changedOnly ? PageCategories.File : PageCategories.None;
        var populated = new PagemapScanOptions
        {
            AllOf = own,
            Inverted = own,
            AnyOf = Populated,
            Report = PageCategories.Written | Populated | guard,
            RequireWriteProtectAsync = false,
        };
        Present = populated;
        PresentFollowed = populated with { RequireWriteProtectAsync = true };
        PresentAndProtect = populated with { WriteProtect = true, RequireWriteProtectAsync = true, MaxPages = PiecePages };
        Written = populated with { AllOf = own | PageCategories.Written, RequireWriteProtectAsync = true };
        WrittenAndProtect = Written with { WriteProtect = true, MaxPages = PiecePages };
        WrittenOrAbsent = populated with
        {
            Inverted = own | PageCategories.Present,
            AnyOf = PageCategories.Written | PageCategories.Present,
            RequireWriteProtectAsync = true,
        };
        Kinds = populated with { AllOf = PageCategories.None, Inverted = PageCategories.None, AnyOf = PageCategories.None, Report = Populated | guard };
        KindsFollowed = Kinds with { RequireWriteProtectAsync = true };
        Unmarked = populated with
        {
            AllOf = PageCategories.Written,
            Inverted = PageCategories.None,
            AnyOf = PageCategories.None,
            Report = PageCategories.Written,
            RequireWriteProtectAsync = true,
        };
    }

    /// <summary>For mappings all of whose pages are the process's.</summary>
    public static PageQueries Whole { get; } = new(changedOnly: false, Guard());

    /// <summary>For private mappings of files: only pages that the process has changed.</summary>
    public static PageQueries ChangedOnly { get; } = new(changedOnly: true, Guard());

    /// <summary>Every page that is in memory or swap.</summary>
    public PagemapScanOptions Present { get; }

    /// <summary>The same, where all is followed; fails (EPERM) elsewhere.</summary>
    public PagemapScanOptions PresentFollowed { get; }

    /// <summary>The same, and protects them, piece by piece.</summary>
    public PagemapScanOptions PresentAndProtect { get; }

    /// <summary>Pages that were written since they were protected. Pages that are nowhere are not asked for: protecting those would make page tables for them.</summary>
    public PagemapScanOptions Written { get; }

    /// <summary>The same, and protects them again in the same step, piece by piece.</summary>
    public PagemapScanOptions WrittenAndProtect { get; }

    /// <summary>Written pages, and those that are nowhere: discarded, or never touched. A run that has neither Present nor Swapped is absent.</summary>
    public PagemapScanOptions WrittenOrAbsent { get; }

    /// <summary>All that is mapped, and what each page is. What is not mapped is not told.</summary>
    public PagemapScanOptions Kinds { get; }

    /// <summary>The same, where all is followed; fails (EPERM) elsewhere.</summary>
    public PagemapScanOptions KindsFollowed { get; }

    /// <summary>
    /// Pages without the mark of the protection: written ones, and where there are page tables also those that are nowhere (<see cref="UnmarkedPages.AreFoundWhereAbsent"/>). The
    /// kernel has a way of its own for exactly this question, several times as fast as all others.
    /// </summary>
    public PagemapScanOptions Unmarked { get; }

    /// <summary>Whether a run holds pages whose content can be read and was written.</summary>
    public static bool IsWritten(PageCategories found) => (found & PageCategories.Written) != 0 && IsPopulated(found);

    /// <summary>Whether a run holds pages whose content can be read.</summary>
    public static bool IsPopulated(PageCategories found) => (found & Populated) != 0 && (found & PageCategories.Guard) == 0;

    /// <summary>Guard regions look like swapped pages; kernels before 6.15 do not know them, and refuse the word.</summary>
    private static PageCategories Guard()
    {
        using PagemapScan self = PagemapScan.OpenSelf();
        var probe = new PagemapScanOptions { AllOf = PageCategories.None, Report = PageCategories.Guard, RequireWriteProtectAsync = false };
        var none = new AddressRange((ulong)Environment.SystemPageSize, (ulong)Environment.SystemPageSize);
        return self.TryScan(none, probe, new PageRegionBuffer(1), out _) == Errno.None ? PageCategories.Guard : PageCategories.None;
    }
}
