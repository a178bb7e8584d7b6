using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>What is known of a page (PAGE_IS_* of <c>include/uapi/linux/fs.h</c>).</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum PageCategories : ulong
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Its mapping is registered for asynchronous write-protection.</summary>
    WriteProtectAllowed = PagemapAbi.PAGE_IS_WPALLOWED,

    /// <summary>
    /// Written since it was last protected. Memory that was never protected counts as written; since Linux 7.3 only if it is
    /// registered for write-protection.
    /// </summary>
    Written = PagemapAbi.PAGE_IS_WRITTEN,

    /// <summary>Backed by a file.</summary>
    File = PagemapAbi.PAGE_IS_FILE,

    /// <summary>In memory.</summary>
    Present = PagemapAbi.PAGE_IS_PRESENT,

    /// <summary>In swap.</summary>
    Swapped = PagemapAbi.PAGE_IS_SWAPPED,

    /// <summary>The shared page of zeros.</summary>
    ZeroPage = PagemapAbi.PAGE_IS_PFNZERO,

    /// <summary>Part of a huge page.</summary>
    Huge = PagemapAbi.PAGE_IS_HUGE,

    /// <summary>Soft-dirty.</summary>
    SoftDirty = PagemapAbi.PAGE_IS_SOFT_DIRTY,

    /// <summary>A guard region (6.15).</summary>
    Guard = PagemapAbi.PAGE_IS_GUARD,
}

/// <summary>What a scan looks for.</summary>
public sealed record PagemapScanOptions
{
    /// <summary>All of these must hold. Default: Written.</summary>
    public PageCategories AllOf { get; init; } = PageCategories.Written;

    /// <summary>At least one of these must hold, if any is named. Default: none named.</summary>
    public PageCategories AnyOf { get; init; }

    /// <summary>For these, not having it counts as having it. Default: none.</summary>
    public PageCategories Inverted { get; init; }

    /// <summary>What to report of the pages found. Default: Written.</summary>
    public PageCategories Report { get; init; } = PageCategories.Written;

    /// <summary>
    /// Whether to write-protect each page found in the same step (PM_SCAN_WP_MATCHING), so that no write between two scans
    /// is lost. One may be reported twice. Default: false.
    /// </summary>
    public bool WriteProtect { get; init; }

    /// <summary>
    /// Whether to refuse (EPERM) memory that is not registered for asynchronous write-protection (PM_SCAN_CHECK_WPASYNC),
    /// which would otherwise count as written for ever, or since Linux 7.3 never. Default: true.
    /// </summary>
    public bool RequireWriteProtectAsync { get; init; } = true;

    /// <summary>Stop after this many pages; 0 for no limit.</summary>
    public ulong MaxPages { get; init; }
}

/// <summary>A run of pages with the same categories.</summary>
/// <param name="Range">The addresses.</param>
/// <param name="Categories">Those of <see cref="PagemapScanOptions.Report"/> that hold.</param>
public readonly record struct PageRegion(AddressRange Range, PageCategories Categories);

/// <summary>How far a scan came.</summary>
/// <param name="Regions">How many runs were written.</param>
/// <param name="WalkEnd">Where it stopped: the end of the range, or earlier when the runs or pages were full. Go on from here.</param>
public readonly record struct PagemapScanResult(int Regions, ulong WalkEnd);

/// <summary>
/// Scans the pages of a process (PAGEMAP_SCAN, Linux 6.7; Documentation/admin-guide/mm/pagemap.rst): finds what was written
/// and protects it again in one step. Works on other processes given ptrace rights.
/// </summary>
public sealed unsafe class PagemapScan : IDisposable
{
    private const int StackRegions = 64;
    private readonly SafeDescriptorHandle _pagemap;

    private PagemapScan(SafeDescriptorHandle pagemap) => _pagemap = pagemap;

    /// <summary>Opens the page map of this process.</summary>
    public static PagemapScan OpenSelf() => Open("/proc/self/pagemap", "this process");

    /// <summary>Opens the page map of another process.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ENOENT: no such process; EACCES: no ptrace rights over it.</exception>
    public static PagemapScan Open(int processId)
        => Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/pagemap"), string.Create(CultureInfo.InvariantCulture, $"process {processId}"));

    /// <summary>Scans once, as far as the runs reach.</summary>
    /// <param name="range">Whole pages of the process.</param>
    /// <param name="options">What to look for.</param>
    /// <param name="regions">Receives the runs.</param>
    /// <exception cref="UffdException">
    /// EPERM: memory without asynchronous write-protection; ENOTTY: a kernel before 6.7; EINVAL; ENOMEM. With
    /// <see cref="PagemapScanOptions.WriteProtect"/> what was found before the failure has been protected and is not told
    /// (measured): take those pages for written, or scan no range that may be refused.
    /// </exception>
    public PagemapScanResult Scan(AddressRange range, PagemapScanOptions options, Span<PageRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(options);
        int capacity = Math.Min(regions.Length, StackRegions);
        page_region* found = stackalloc page_region[StackRegions];
        int answer = Ask(range, options, capacity == 0 ? null : found, capacity, out ulong walkEnd);
        if (answer < 0)
        {
            throw Failure(range, Kernel.LastErrno);
        }

        for (int index = 0; index < answer; index++)
        {
            regions[index] = new PageRegion(
                AddressRange.FromBounds(found[index].start, found[index].end),
                (PageCategories)found[index].categories);
        }

        return new PagemapScanResult(answer, walkEnd);
    }

    /// <summary>Scans once, as far as there is room, and puts the runs behind those that are there. Allocates nothing and does not throw for the kernel's answer.</summary>
    /// <param name="range">Whole pages of the process.</param>
    /// <param name="options">What to look for.</param>
    /// <param name="regions">Receives the runs; must have room for one.</param>
    /// <param name="result">How far the scan came.</param>
    /// <returns><see cref="Errno.None"/>, or the kernel's answer: see <see cref="Scan"/>; ESRCH when the process has ended.</returns>
    public Errno TryScan(AddressRange range, PagemapScanOptions options, PageRegionBuffer regions, out PagemapScanResult result)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(regions);
        int room = regions.Capacity - regions.Count;
        if (room == 0)
        {
            throw new ArgumentException("the buffer is full", nameof(regions));
        }

        int answer = Ask(range, options, regions.Free, room, out ulong walkEnd);
        if (answer < 0)
        {
            result = default;
            return Kernel.LastErrno;
        }

        regions.Took(answer);
        result = new PagemapScanResult(answer, walkEnd);
        return Errno.None;
    }

    /// <summary>Scans the whole range, going on until its end.</summary>
    /// <param name="range">Whole pages of the process.</param>
    /// <param name="options">What to look for; its limit of pages holds for the whole.</param>
    /// <returns>The runs in order of address; two that touch may be reported apart.</returns>
    public IReadOnlyList<PageRegion> ScanAll(AddressRange range, PagemapScanOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var all = new List<PageRegion>();
        var batch = new PageRegion[StackRegions];
        ulong left = options.MaxPages;
        AddressRange rest = range;
        while (!rest.IsEmpty)
        {
            PagemapScanResult result = Scan(rest, options with { MaxPages = left }, batch);
            all.AddRange(batch.AsSpan(0, result.Regions));
            if (options.MaxPages != 0)
            {
                ulong pages = 0;
                for (int index = 0; index < result.Regions; index++)
                {
                    pages += batch[index].Range.Length / (ulong)Environment.SystemPageSize;
                }

                left -= Math.Min(left, pages);
                if (left == 0)
                {
                    break;
                }
            }

            rest = AddressRange.FromBounds(Math.Max(result.WalkEnd, rest.Start), rest.End);
        }

        return all;
    }

    /// <summary>Closes the page map.</summary>
    public void Dispose() => _pagemap.Dispose();

    private static UffdException Failure(AddressRange range, Errno errno) => new($"PAGEMAP_SCAN of {range}", errno, errno switch
    {
        Errno.ENOTTY => "it needs Linux 6.7",
        Errno.EPERM => "the range must be registered for write-protection with WP_ASYNC first",
        _ => null,
    });

    private int Ask(AddressRange range, PagemapScanOptions options, page_region* found, int capacity, out ulong walkEnd)
    {
        var argument = new pm_scan_arg
        {
            size = (ulong)sizeof(pm_scan_arg),
            flags = (options.WriteProtect ? PagemapAbi.PM_SCAN_WP_MATCHING : 0)
                | (options.RequireWriteProtectAsync ? PagemapAbi.PM_SCAN_CHECK_WPASYNC : 0),
            start = range.Start,
            end = range.End,
            vec = (ulong)found,
            vec_len = (ulong)capacity,
            max_pages = options.MaxPages,
            category_inverted = (ulong)options.Inverted,
            category_mask = (ulong)options.AllOf,
            category_anyof_mask = (ulong)options.AnyOf,
            return_mask = (ulong)options.Report,
        };
        int answer = LibC.Ioctl(_pagemap, PagemapAbi.PAGEMAP_SCAN, &argument);
        walkEnd = argument.walk_end;
        return answer;
    }

    private static PagemapScan Open(string path, string who)
    {
        nint descriptor = LibC.Open(path, DescriptorAbi.O_RDONLY | DescriptorAbi.O_CLOEXEC);
        return descriptor >= 0
            ? new PagemapScan(new SafeDescriptorHandle(descriptor))
            : throw Kernel.Failure($"cannot open the page map of {who}");
    }
}
