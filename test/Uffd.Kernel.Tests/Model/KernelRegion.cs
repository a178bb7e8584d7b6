using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Uffd.Interop;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Model;

/// <summary>
/// The real thing: does operations to a region of this process's memory and tells what can be seen. Nothing here knows what
/// ought to come out. The memory is touched by <see cref="Toucher"/>s only, except for pages that pagemap says are present,
/// which the kernel reads for us.
/// </summary>
internal sealed unsafe class KernelRegion : IDisposable
{
    private const int PageCount = RegionModel.PageCount;
    private const int FaultAround = 16; // pages; the region does not cross such a border, so that its pages are neighbours

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly ModelSetup _setup;
    private readonly int _basePage = (int)MemoryKinds.BasePage; // what is touched, and looked at, of each page
    private readonly int _pageSize;
    private readonly Userfaultfd _userfaultfd;
    private readonly Userfaultfd? _probe; // hugetlb: makes reading a hole through the alias fail instead of filling it
    private readonly UffdEventReader _reader;
    private readonly EventPoller _poller = new();
    private readonly PagemapScan _scan = PagemapScan.OpenSelf();
    private readonly SafeDescriptorHandle _pagemap;
    private readonly SafeDescriptorHandle _descriptorInfo;
    private readonly Toucher[] _touchers;
    private readonly bool[] _busy = new bool[PageCount];
    private readonly List<TouchNews> _news = [];
    private readonly byte* _buffer; // one page for each of the region's, native
    private MemoryMapping? _mapping;
    private MemoryMapping? _alias;
    private MemoryMapping? _sourceMapping;
    private AddressRange _region;
    private AddressRange _sources;

    public KernelRegion(ModelSetup setup)
    {
        _setup = setup;
        _pageSize = (int)setup.Memory.PageSize();
        _userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = setup.Features, FaultScope = UffdFaultScope.UserAndKernel });
        _probe = setup.Memory.IsHugetlb() ? Userfaultfd.Create(new UserfaultfdOptions { FaultScope = UffdFaultScope.UserOnly }) : null;
        _reader = new UffdEventReader(_userfaultfd);
        _poller.Add(_userfaultfd.Handle, 1);
        _pagemap = Open("/proc/self/pagemap");
        _descriptorInfo = Open(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{_userfaultfd.Handle.DangerousGetHandle()}")); // alive: a field of ours
        _touchers = [.. Enumerable.Range(0, PageCount).Select(_ => new Toucher(_basePage, _poller.Wake))];
        _buffer = (byte*)NativeMemory.AlignedAlloc((nuint)(PageCount * _pageSize), (nuint)_pageSize);
        Reset();
    }

    /// <summary>Lets every thread go and begins anew with memory that nobody has touched.</summary>
    public void Reset()
    {
        Release();
        MemoryKind memory = _setup.Memory;
        MappingPages pages = memory.IsHugetlb() ? MappingPages.Huge2MiB : MappingPages.Base;
        ulong length = memory.IsHugetlb() ? PageCount * memory.PageSize() : 3 * FaultAround * memory.PageSize();
        _mapping = Area.Map(memory, length, pages);
        _alias = _mapping.Descriptor is { } memfd ? MemoryMapping.MapMemfd(memfd, length, new MemoryMappingOptions { Pages = pages }) : null;
        _sourceMapping = Area.Map(MemoryKind.Anonymous, 3 * FaultAround * MemoryKinds.BasePage, MappingPages.Base);
        _region = Inside(_mapping);
        _sources = Inside(_sourceMapping);
        Prime(_sourceMapping);
        if (memory.IsPrivate())
        {
            Prime(_mapping);
        }

        _probe?.Register(_alias!.Range, UffdRegisterModes.Missing);
    }

    /// <summary>Does an operation, waits until all threads have come to rest, and looks.</summary>
    public Report Apply(Operation operation)
    {
        _news.Clear();
        Answer answer = operation switch
        {
            Read(int page) => Touch(page, write: null),
            Write(int page, byte value) => Touch(page, value),
            Copy copy => Of(_userfaultfd.Copy(Range(copy), Source(copy), copy.Modes)),
            ZeroPage zero => Of(_userfaultfd.ZeroPage(Range(zero), zero.Modes)),
            Continue next => Of(_userfaultfd.Continue(Range(next), next.Modes)),
            Poison poison => Of(_userfaultfd.Poison(Range(poison), poison.Modes)),
            Move move => Of(_userfaultfd.Move(Range(move), SourcePage(move.Source).Start, move.Modes)),
            WriteProtect protect => Of(_userfaultfd.WriteProtect(Range(protect), protect.Modes)),
            DontNeed range => Try(() => _mapping!.Advise(MemoryAdvice.DontNeed, Range(range))),
            Remove range => Try(() => _mapping!.Advise(MemoryAdvice.Remove, Range(range))),
            Register register => DoRegister(register),
            Unregister range => Of(_userfaultfd.Unregister(Range(range))),
            Wake range => Of(_userfaultfd.Wake(Range(range))),
            WriteFile(int page, byte value) => Try(() => DoWriteFile(page, value)),
            ReadSource(int page) => Try(() => ReadPresent(SourcePage(page))), // or makes it present
            WriteSource(int page, byte value) => Try(() => SourceSpan(page).Fill(value)),
            _ => throw new ArgumentOutOfRangeException(nameof(operation)),
        };
        Settle();
        return new Report(answer, [.. _news.OrderBy(news => news.Page)], View(_region, _pageSize, _mapping!.Descriptor), View(_sources, _basePage, memfd: null));
    }

    public void Dispose()
    {
        Release();
        foreach (Toucher toucher in _touchers)
        {
            toucher.Dispose();
        }

        _reader.Dispose();
        _poller.Dispose();
        _scan.Dispose();
        _pagemap.Dispose();
        _descriptorInfo.Dispose();
        _userfaultfd.Dispose();
        _probe?.Dispose();
        NativeMemory.AlignedFree(_buffer);
    }

    private static Answer Of(UffdResult result) => new(result.Bytes, result.Errno);

    private static Answer Try(Action action)
    {
        try
        {
            action();
            return Answer.Done;
        }
        catch (UffdException exception)
        {
            return new Answer(0, exception.Errno);
        }
    }

    private Answer DoRegister(Register register)
    {
        try
        {
            return new Answer((ulong)_userfaultfd.Register(Range(register), register.Modes), Errno.None);
        }
        catch (UffdException exception)
        {
            return new Answer(0, exception.Errno);
        }
    }

    private void DoWriteFile(int page, byte value)
    {
        if (_alias is not null)
        {
            _probe?.Unregister(_alias.Range);
            _alias.AsSpan(PageOf(page).Start - _mapping!.Address, _basePage).Fill(value); // not registered: waits for nobody
            _probe?.Register(_alias.Range, UffdRegisterModes.Missing);
        }
    }

    private Answer Touch(int page, byte? write)
    {
        if (_busy[page])
        {
            return Answer.Occupied;
        }

        _busy[page] = true;
        _touchers[page].Begin(PageOf(page).Start, write);
        return Answer.Done;
    }

    /// <summary>
    /// Waits until each thread has either ended its touch or waits for its page, and its fault has been read. The kernel itself
    /// counts who waits, and takes out who was woken before the waking call returns: there is no guessing with timeouts.
    /// </summary>
    private void Settle()
    {
        Span<PollResult> ready = stackalloc PollResult[1];
        long start = 0;
        while (true)
        {
            ReadMessages();
            int busy = 0;
            for (int page = 0; page < PageCount; page++)
            {
                if (_busy[page] && !_touchers[page].IsBusy)
                {
                    _busy[page] = false;
                    bool done = _touchers[page].Succeeded();
                    bool isWrite = _touchers[page].IsWrite;
                    _news.Add(new TouchNews(page, isWrite, done ? TouchEnd.Done : TouchEnd.Refused, done && !isWrite ? _touchers[page].Value : (byte)0));
                }

                busy += _busy[page] ? 1 : 0;
            }

            if (busy == 0 || CountWaiting() == (0, busy))
            {
                return;
            }

            start = start == 0 ? Stopwatch.GetTimestamp() : start;
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"{busy} threads neither end nor wait");
            }

            _poller.Wait(ready, TimeSpan.FromMilliseconds(1), TimeSpan.FromMicroseconds(20));
        }
    }

    private void ReadMessages()
    {
        int count = _reader.Read();
        for (int index = 0; index < count; index++)
        {
            PageFault fault = _reader[index].PageFault;
            int page = (int)((fault.Address - _region.Start) / (ulong)_pageSize);
            TouchEnd end = fault.Kind switch
            {
                PageFaultKind.Missing => TouchEnd.WaitsMissing,
                PageFaultKind.Minor => TouchEnd.WaitsMinor,
                _ => TouchEnd.WaitsWriteProtect,
            };
            _news.Add(new TouchNews(page, fault.IsWrite, end, 0));
        }
    }

    /// <summary>The lines "pending:" (faults not read yet) and "total:" (these and those that were) of fdinfo.</summary>
    private (int Pending, int Total) CountWaiting()
    {
        byte* text = stackalloc byte[256];
        nint length = LibC.PRead(_descriptorInfo, text, 256, 0);
        var rest = new ReadOnlySpan<byte>(text, (int)length); // what was just read
        return (Number(rest, "pending:\t"u8), Number(rest, "total:\t"u8));

        static int Number(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name)
        {
            text = text[(text.IndexOf(name) + name.Length)..];
            return int.Parse(text[..text.IndexOf((byte)'\n')], CultureInfo.InvariantCulture);
        }
    }

    private PageView[] View(AddressRange region, int pageSize, SafeDescriptorHandle? memfd)
    {
        var wanted = new PagemapScanOptions { AllOf = PageCategories.ZeroPage, Report = PageCategories.ZeroPage, RequireWriteProtectAsync = false };
        Span<PageRegion> zeroPages = stackalloc PageRegion[PageCount];
        zeroPages = zeroPages[.._scan.Scan(region, wanted, zeroPages).Regions];
        var views = new PageView[PageCount];
        for (int page = 0; page < PageCount; page++)
        {
            var range = new AddressRange(region.Start + (ulong)(page * pageSize), (ulong)_basePage);
            ulong bits;
            Assert.Equal(sizeof(ulong), LibC.PRead(_pagemap, &bits, sizeof(ulong), (long)(range.Start / (ulong)_basePage * sizeof(ulong))));
            var entry = new PageEntry(bits);
            bool isZero = false;
            foreach (PageRegion zero in zeroPages)
            {
                isZero |= zero.Range.Contains(range);
            }

            views[page] = new PageView(
                entry.IsPresent,
                entry.IsSwapped,
                entry.IsWriteProtected,
                isZero,
                entry.IsPresent ? ReadPresent(range) : null,
                memfd is null ? null : ReadCached(memfd, range));
        }

        return views;
    }

    /// <summary>Reading a page that is there waits for nobody, whether it is protected or not.</summary>
    private byte ReadPresent(AddressRange page)
    {
        var bytes = new Span<byte>(_buffer, _basePage); // ours, and longer
        Errno errno = GuardedMemory.TryRead(page.Start, bytes);
        return errno == Errno.None ? Content.Uniform(bytes) : throw new UffdException($"reading the present page {page}", errno);
    }

    /// <summary>
    /// The page cache's page, read from the memfd: a hole is told by lseek(2), and reading does not fill it. A memfd of huge
    /// pages knows no holes; there the alias is read, where the kernel's own missing faults fail (USER_MODE_ONLY).
    /// </summary>
    private byte? ReadCached(SafeDescriptorHandle memfd, AddressRange page)
    {
        const int SeekData = 3;
        long offset = (long)(page.Start - _mapping!.Address);
        var bytes = new Span<byte>(_buffer, _basePage); // ours, and longer
        if (_probe is not null)
        {
            return GuardedMemory.TryRead(_alias!.Address + (ulong)offset, bytes) == Errno.None ? Content.Uniform(bytes) : null;
        }

        if (LibC.LSeek(memfd, offset, SeekData) != offset)
        {
            return null;
        }

        Assert.Equal(_basePage, LibC.PRead(memfd, _buffer, (nuint)_basePage, offset));
        return Content.Uniform(bytes);
    }

    /// <summary>Nobody waits any more, whatever the state, and the memory goes.</summary>
    private void Release()
    {
        if (_mapping is null)
        {
            return;
        }

        // In this order: who is woken finds nothing registered. Unregistering alone does not wake everybody.
        _userfaultfd.Unregister(_region);
        _userfaultfd.Wake(_region);
        Settle();
        Assert.Equal(0, _busy.Count(busy => busy));
        _mapping.Dispose();
        _alias?.Dispose();
        _sourceMapping!.Dispose();
    }

    /// <summary>What a copy takes: its pages, each with a value of its own.</summary>
    private ulong Source(Copy copy)
    {
        for (int page = 0; page < copy.Count; page++)
        {
            new Span<byte>(_buffer + (page * _pageSize), _basePage).Fill((byte)(copy.Value + page)); // a page of ours
        }

        return (ulong)_buffer;
    }

    /// <summary>The other area is not registered: touching it waits for nobody.</summary>
    private Span<byte> SourceSpan(int page) => _sourceMapping!.AsSpan(SourcePage(page).Start - _sourceMapping.Address, _basePage);

    private AddressRange SourcePage(int page) => new(_sources.Start + (ulong)(page * _basePage), (ulong)_basePage);

    private AddressRange Range(RangeOperation operation)
        => new(PageOf(operation.First).Start, (ulong)operation.Count * (ulong)_pageSize);

    private AddressRange PageOf(int page) => new(_region.Start + (ulong)(page * _pageSize), (ulong)_pageSize);

    /// <summary>A part of the mapping that lies between two borders of fault-around, with a margin of the mapping around it.</summary>
    private static AddressRange Inside(MemoryMapping mapping)
    {
        bool huge = mapping.PageSize > MemoryKinds.BasePage;
        ulong start = huge ? mapping.Address : AddressRange.AlignUp(mapping.Address + 1, FaultAround * mapping.PageSize);
        return new AddressRange(start, PageCount * mapping.PageSize);
    }

    /// <summary>
    /// One touch before anything is registered: the parts of the mapping get what they have in common (the kernel's anon_vma),
    /// without which parts that were told apart once might never be one mapping again.
    /// </summary>
    private static void Prime(MemoryMapping mapping)
    {
        mapping.AsSpan()[0] = 1;
        mapping.AsSpan()[^1] = 1;
        mapping.Advise(MemoryAdvice.DontNeed);
    }

    private static SafeDescriptorHandle Open(string path)
    {
        nint descriptor = LibC.Open(path, 0);
        return descriptor >= 0 ? new SafeDescriptorHandle(descriptor) : throw new UffdException($"cannot open {path}");
    }
}
