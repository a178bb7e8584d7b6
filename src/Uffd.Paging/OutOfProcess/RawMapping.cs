namespace Uffd.Paging;

/// <summary>A region's memory in this process, and the userfaultfd that hands its faults over.</summary>
internal sealed class RawMapping : IDisposable
{
    /// <summary>What the kernel must have.</summary>
    public const UffdFeatures Features = UffdFeatures.PageFaultFlagWriteProtect | UffdFeatures.MissingShmem | UffdFeatures.WriteProtectHugetlbfsShmem | UffdFeatures.Poison;

    private readonly MemoryMapping _memory;
    private readonly MemoryMapping? _view; // for reading only, where the region is; else the memory itself

    private RawMapping(MemoryMapping memory, MemoryMapping? view, Userfaultfd userfaultfd)
    {
        _memory = memory;
        _view = view;
        Userfaultfd = userfaultfd;
    }

    /// <summary>This process keeps its copy: while it has one, nobody reads zeros, whatever becomes of the pager process.</summary>
    public Userfaultfd Userfaultfd { get; }

    public SafeDescriptorHandle Memfd => _memory.Descriptor!;

    public AddressRange Range => (_view ?? _memory).Range;

    /// <summary>Makes the memory, all of it missing.</summary>
    /// <param name="length">Bytes.</param>
    /// <param name="isReadOnly">Whether it is mapped for reading only.</param>
    /// <exception cref="UffdException">The system does not allow it: the message says what would.</exception>
    public static RawMapping Create(ulong length, bool isReadOnly)
    {
        MemoryMapping memory = MemoryMapping.CreateMemfd("uffd-raw", length, new MemoryMappingOptions { Sealable = true, NoReserve = true });
        MemoryMapping? view = null;
        Userfaultfd? userfaultfd = null;
        try
        {
            Uffd.Memfd.Seal(memory.Descriptor!, MemfdSeals.Shrink | MemfdSeals.Grow | MemfdSeals.Seal);
            view = isReadOnly ? MemoryMapping.MapMemfd(memory.Descriptor!, length, new MemoryMappingOptions { Access = MappingAccess.Read, NoReserve = true }) : null;
            MemoryMapping touched = view ?? memory;
            touched.Advise(MemoryAdvice.DontFork); // a child's writes would reach the memory past us
            touched.Advise(MemoryAdvice.NoHugePage); // one fault, one page; and a part of a huge page that is given back may stay, as zeros
            memory.Advise(MemoryAdvice.NoHugePage);
            userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = Features, FaultScope = UffdFaultScope.UserAndKernel });
            userfaultfd.Register(touched.Range, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
            return new RawMapping(memory, view, userfaultfd);
        }
        catch
        {
            view?.Dispose();
            memory.Dispose();
            userfaultfd?.Dispose();
            throw;
        }
    }

    /// <summary>Unmaps, and only then closes: whoever still touches it gets SIGSEGV and never zeros.</summary>
    public void Dispose()
    {
        _view?.Dispose();
        _memory.Dispose();
        Userfaultfd.Dispose();
    }
}
