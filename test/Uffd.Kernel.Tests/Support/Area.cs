namespace Uffd.Kernel.Tests.Support;

/// <summary>Memory of this process, of any kind, registered with a userfaultfd. It is touched by <see cref="NativeTouch"/> only.</summary>
internal sealed class Area : Session
{
    private readonly IDisposable? _hugePages;

    private Area(Userfaultfd userfaultfd, MemoryKind kind, MemoryMapping mapping, IDisposable? hugePages)
        : base(userfaultfd)
    {
        Kind = kind;
        Mapping = mapping;
        _hugePages = hugePages;
    }

    public MemoryKind Kind { get; }

    public MemoryMapping Mapping { get; }

    public AddressRange Range => Mapping.Range;

    public ulong PageSize => Kind.PageSize();

    public int Pages => (int)(Range.Length / PageSize);

    /// <summary>Maps memory, and registers it where modes are given. Skips where the kernel or the machine has no such thing.</summary>
    public static Area Create(
        MemoryKind kind,
        UffdRegisterModes modes = UffdRegisterModes.Missing,
        UffdFeatures features = UffdFeatures.None,
        int? pages = null,
        MappingPages basePages = MappingPages.Base)
    {
        Requires.Features(features | kind.Needs(modes));
        int count = pages ?? kind.PageCount();
        IDisposable? hugePages = kind.IsHugetlb() ? Requires.HugePages(2 * count) : null;
        try
        {
            MemoryMapping mapping = Map(kind, (ulong)count * kind.PageSize(), kind.IsHugetlb() ? MappingPages.Huge2MiB : basePages);
            Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = features });
            if (modes != UffdRegisterModes.None)
            {
                userfaultfd.Register(mapping.Range, modes);
            }

            return new Area(userfaultfd, kind, mapping, hugePages);
        }
        catch
        {
            hugePages?.Dispose();
            throw;
        }
    }

    /// <summary>Maps memory of a kind; base pages stay base pages.</summary>
    public static MemoryMapping Map(MemoryKind kind, ulong length, MappingPages pages)
    {
        var options = new MemoryMappingOptions { Pages = pages, Shared = kind.IsShared() };
        MemoryMapping mapping = kind.IsAnonymous() ? MemoryMapping.CreateAnonymous(length, options) : MemoryMapping.CreateMemfd("area", length, options);
        if (pages == MappingPages.Base)
        {
            TryAdvise(mapping, MemoryAdvice.NoHugePage);
        }

        return mapping;
    }

    /// <summary>A second view of the same shared pages, which is not registered.</summary>
    public MemoryMapping MapAlias()
        => MemoryMapping.MapMemfd(Mapping.Descriptor!, Range.Length, new MemoryMappingOptions { Pages = Kind.IsHugetlb() ? MappingPages.Huge2MiB : MappingPages.Base });

    public AddressRange PageAt(int index, int count = 1) => new(Range.Start + ((ulong)index * PageSize), (ulong)count * PageSize);

    public int PageOf(ulong address) => (int)((address - Range.Start) / PageSize);

    public override void Dispose()
    {
        base.Dispose(); // who still waits goes on with zeros
        NativeTouch.WaitForEnd(Range);
        Mapping.Dispose();
        _hugePages?.Dispose();
    }

    private static void TryAdvise(MemoryMapping mapping, MemoryAdvice advice)
    {
        try
        {
            mapping.Advise(advice);
        }
        catch (UffdException exception) when (exception.Errno == Errno.EINVAL)
        {
            // A kernel without huge pages: there are none to be kept away.
        }
    }
}
