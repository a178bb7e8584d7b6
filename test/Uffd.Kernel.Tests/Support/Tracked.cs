using System.Runtime.InteropServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Kernel.Tests.Support;

/// <summary>The kinds of memory whose written pages can be found.</summary>
public enum TrackedMemory
{
    /// <summary>A few anonymous base pages.</summary>
    Page,

    /// <summary>Many anonymous base pages, over several page tables.</summary>
    Large,

    /// <summary>Transparent huge pages.</summary>
    Thp,

    /// <summary>Huge pages, anonymous and shared.</summary>
    HugetlbShmem,

    /// <summary>Huge pages, anonymous and private.</summary>
    Hugetlb,

    /// <summary>Huge pages of a memfd.</summary>
    MemfdHugetlb,

    /// <summary>A file of a file system, mapped shared.</summary>
    File,

    /// <summary>A file of a file system, mapped privately.</summary>
    FilePrivate,

    /// <summary>A memfd.</summary>
    Memfd,
}

/// <summary>
/// Memory that is registered for asynchronous protection, present, and clean. No touch of it ever waits, so managed code may
/// touch it.
/// </summary>
internal sealed class Tracked : IDisposable
{
    /// <summary>Finds what was written and protects it again.</summary>
    public static readonly PagemapScanOptions Harvest = new() { WriteProtect = true };

    /// <summary>Finds what was written.</summary>
    public static readonly PagemapScanOptions Look = new();

    private readonly List<IDisposable> _owned = [];

    private Tracked(TrackedMemory memory, int units)
    {
        bool huge = memory is TrackedMemory.HugetlbShmem or TrackedMemory.Hugetlb or TrackedMemory.MemfdHugetlb;
        Unit = huge ? MemoryKinds.HugePage : MemoryKinds.BasePage;
        if (huge)
        {
            _owned.Add(Requires.HugePages(2 * units));
        }

        try
        {
            Mapping = Map(memory, (ulong)units * Unit);
            Userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.WriteProtectAsync });
            Scanner = PagemapScan.OpenSelf();
        }
        catch
        {
            _owned.ForEach(one => one.Dispose());
            throw;
        }
    }

    public MemoryMapping Mapping { get; }

    public Userfaultfd Userfaultfd { get; }

    public PagemapScan Scanner { get; }

    /// <summary>What a write makes dirty.</summary>
    public ulong Unit { get; }

    public int Units => (int)(Mapping.Length / Unit);

    public AddressRange Range => Mapping.Range;

    public static Tracked Create(TrackedMemory memory = TrackedMemory.Page, int? units = null)
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        var tracked = new Tracked(memory, units ?? DefaultUnits(memory));
        tracked.Mapping.AsSpan().Fill(1);
        if (memory == TrackedMemory.Thp)
        {
            tracked.Mapping.Advise(MemoryAdvice.Collapse); // where the first touch found no huge page
            Assert.Equal(tracked.Range.Length, tracked.HugeBytes);
        }

        tracked.Userfaultfd.Register(tracked.Range, UffdRegisterModes.WriteProtect);
        tracked.Clean();
        return tracked;
    }

    /// <summary>How much is mapped by transparent huge pages.</summary>
    public ulong HugeBytes => PageTable.SmapsField(Environment.ProcessId, Range.Start, "AnonHugePages");

    public AddressRange UnitAt(int index, int count = 1) => new(Range.Start + ((ulong)index * Unit), (ulong)count * Unit);

    /// <summary>Protects all that was written.</summary>
    public void Clean() => Scanner.Scan(Range, Harvest, []);

    public void Write(params IEnumerable<int> units)
    {
        foreach (int unit in units)
        {
            Mapping.AsSpan((ulong)unit * Unit, 1)[0]++;
        }
    }

    public void WriteAll() => Write(Enumerable.Range(0, Units));

    /// <summary>The runs of written pages of all the memory, those that touch joined.</summary>
    public AddressRange[] Written(PagemapScanOptions? options = null) => Join(Scanner.ScanAll(Range, options ?? Look));

    public static AddressRange[] Join(IEnumerable<PageRegion> regions)
    {
        var joined = new List<AddressRange>();
        foreach (PageRegion region in regions)
        {
            if (joined.Count > 0 && joined[^1].End == region.Range.Start)
            {
                joined[^1] = AddressRange.FromBounds(joined[^1].Start, region.Range.End);
            }
            else
            {
                joined.Add(region.Range);
            }
        }

        return [.. joined];
    }

    public void Dispose()
    {
        Scanner.Dispose();
        Userfaultfd.Dispose();
        Mapping.Dispose();
        _owned.ForEach(one => one.Dispose());
    }

    private static int DefaultUnits(TrackedMemory memory) => memory switch
    {
        TrackedMemory.Page or TrackedMemory.File or TrackedMemory.FilePrivate or TrackedMemory.Memfd => 16,
        TrackedMemory.Large => 2048,
        TrackedMemory.Thp => 1024,
        _ => 5,
    };

    private MemoryMapping Map(TrackedMemory memory, ulong length)
    {
        switch (memory)
        {
            case TrackedMemory.Thp:
                return MemoryMapping.CreateAnonymous(length, new MemoryMappingOptions { Pages = MappingPages.TransparentHuge });
            case TrackedMemory.Hugetlb or TrackedMemory.HugetlbShmem:
                return MemoryMapping.CreateAnonymous(length, new MemoryMappingOptions { Pages = MappingPages.Huge2MiB, Shared = memory == TrackedMemory.HugetlbShmem });
            case TrackedMemory.MemfdHugetlb:
                return MemoryMapping.CreateMemfd("tracked", length, new MemoryMappingOptions { Pages = MappingPages.Huge2MiB });
            case TrackedMemory.File or TrackedMemory.FilePrivate:
                var folder = new TemporaryFolder();
                _owned.Add(folder);
                File.WriteAllBytes(folder.File("tracked"), new byte[length]);
                using (FileStream file = File.Open(folder.File("tracked"), FileMode.Open, FileAccess.ReadWrite))
                {
                    return MemoryMapping.MapFile(file.SafeFileHandle, 0, length, new MemoryMappingOptions { Shared = memory == TrackedMemory.File });
                }

            case TrackedMemory.Memfd:
                return MemoryMapping.CreateMemfd("tracked", length);
            default:
                return Area.Map(MemoryKind.Anonymous, length, MappingPages.Base);
        }
    }
}

/// <summary>PAGEMAP_SCAN with an argument that the library would not make.</summary>
internal static unsafe class RawScan
{
    public static (Errno Errno, int Answer, pm_scan_arg Argument) Run(pm_scan_arg argument)
    {
        using var pagemap = new SafeDescriptorHandle(LibC.Open("/proc/self/pagemap", DescriptorAbi.O_RDONLY | DescriptorAbi.O_CLOEXEC));
        int answer = LibC.Ioctl(pagemap, PagemapAbi.PAGEMAP_SCAN, &argument);
        return (answer < 0 ? (Errno)Marshal.GetLastPInvokeError() : Errno.None, answer, argument);
    }

    /// <summary>The argument itself is nowhere.</summary>
    public static Errno RunWithout()
    {
        using var pagemap = new SafeDescriptorHandle(LibC.Open("/proc/self/pagemap", DescriptorAbi.O_RDONLY | DescriptorAbi.O_CLOEXEC));
        return LibC.Ioctl(pagemap, PagemapAbi.PAGEMAP_SCAN, null) < 0 ? (Errno)Marshal.GetLastPInvokeError() : Errno.None;
    }
}
