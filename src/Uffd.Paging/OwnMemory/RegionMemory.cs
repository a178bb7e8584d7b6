using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// The memory itself: private anonymous pages under a userfaultfd. Pages are put in whole and protected, taken out, and asked whether
/// they were written. Nobody ever waits for a fault here: a touch of a page that is not there is a mistake of the program, and
/// ends it with SIGBUS (<see cref="UffdFeatures.Sigbus"/>) instead of hanging it or giving it zeros. A write to a protected page is
/// resolved by the kernel alone (<see cref="UffdFeatures.WriteProtectAsync"/>).
/// </summary>
internal sealed class RegionMemory : IDisposable
{
    private static readonly PagemapScanOptions Written = new()
    {
        AllOf = PageCategories.Written,
        AnyOf = PageCategories.Present | PageCategories.Swapped, // an absent page counts as written otherwise
        Report = PageCategories.Written,
    };

    private static readonly PagemapScanOptions WrittenAndProtect = Written with { WriteProtect = true };

    private readonly MemoryMapping _mapping;
    private readonly Userfaultfd _userfaultfd;
    private readonly PagemapScan _scan;

    [SuppressMessage("Reliability", "CA2000", Justification = "what is made is kept, or disposed on failure")]
    public RegionMemory(ulong length)
    {
        Userfaultfd.Require(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
        _userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus | UffdFeatures.PageFaultFlagWriteProtect });
        try
        {
            _scan = PagemapScan.OpenSelf();
            _mapping = MemoryMapping.CreateAnonymous(length, new MemoryMappingOptions { NoReserve = true });
            _mapping.Advise(MemoryAdvice.NoHugePage); // pages come and go one by one
            _mapping.Advise(MemoryAdvice.DontFork); // a child must not make every page shared, nor wait for pages nobody brings
            _userfaultfd.Register(_mapping.Range, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        }
        catch
        {
            _mapping?.Dispose();
            _scan?.Dispose();
            _userfaultfd.Dispose();
            throw;
        }
    }

    public AddressRange Range => _mapping.Range;

    public ulong PageSize => _mapping.PageSize;

    /// <summary>Puts pages in; all or none.</summary>
    /// <param name="range">Where.</param>
    /// <param name="sourceAddress">The bytes.</param>
    /// <param name="areWritten">Whether they count as written: those of the store do not, and are protected.</param>
    /// <returns>None, or EFAULT when the source cannot be read there.</returns>
    public Errno Fill(AddressRange range, ulong sourceAddress, bool areWritten)
    {
        UffdCopyModes modes = areWritten ? UffdCopyModes.None : UffdCopyModes.WriteProtect;
        ulong done = 0;
        while (done < range.Length)
        {
            UffdResult result = _userfaultfd.Copy(range.Skip(done), sourceAddress + done, modes);
            done += result.Bytes;
            switch (result.Errno)
            {
                case Errno.None:
                case Errno.EAGAIN: // done in part, or the page tables changed under it
                    break;
                default:
                    Release(new AddressRange(range.Start, done));
                    return result.Errno == Errno.EFAULT ? Errno.EFAULT
                        : throw new UffdException("pages could not be put into memory", result.Errno, result.Errno == Errno.ENOMEM ? "lower the region's limit, or free memory" : null);
            }
        }

        return Errno.None;
    }

    /// <summary>Takes pages out; their content is gone.</summary>
    public void Release(AddressRange range)
    {
        if (!range.IsEmpty)
        {
            _mapping.Advise(MemoryAdvice.DontNeed, range);
        }
    }

    /// <summary>Takes pages out in many places at once.</summary>
    public void Release(ReadOnlySpan<AddressRange> ranges) => _mapping.Advise(MemoryAdvice.DontNeed, ranges);

    /// <summary>Finds pages that were written, as far as there is room.</summary>
    /// <param name="range">Where.</param>
    /// <param name="protect">Whether to protect those that are found in the same step, so that the next write is seen again.</param>
    /// <param name="found">Receives them.</param>
    public PagemapScanResult FindWritten(AddressRange range, bool protect, Span<PageRegion> found)
        => _scan.Scan(range, protect ? WrittenAndProtect : Written, found);

    /// <summary>Has pages count as written.</summary>
    public void MarkWritten(AddressRange range)
    {
        UffdResult result;
        do
        {
            result = _userfaultfd.WriteProtect(range, UffdWriteProtectModes.Unprotect);
        }
        while (result.Errno == Errno.EAGAIN);
        result.ThrowIfIncomplete();
    }

    /// <summary>Unmaps before it closes: no address of this memory can then read zeros.</summary>
    public void Dispose()
    {
        _mapping.Dispose();
        _scan.Dispose();
        _userfaultfd.Dispose();
    }
}
