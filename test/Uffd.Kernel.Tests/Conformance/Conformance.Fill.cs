using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <content>Zeros and moves.</content>
public sealed partial class Conformance
{
    /// <summary>Zeros where they are offered, once; refused on huge pages.</summary>
    [Theory]
    [Memory]
    public async Task Zeropage(MemoryKind memory)
    {
        using Area area = Area.Create(memory, UffdRegisterModes.None);
        UffdIoctls offered = area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing);
        Assert.Equal(!memory.IsHugetlb(), offered.HasFlag(UffdIoctls.ZeroPage));
        AddressRange page = area.PageAt(1);
        Task<byte[]> touch = NativeTouch.ReadAsync(page.Start, (int)area.PageSize);
        area.ReadFault(PageFaultKind.Missing, page.Start);
        if (memory.IsHugetlb())
        {
            Assert.Equal(new UffdResult(0, Errno.EINVAL), area.Userfaultfd.ZeroPage(page));
            area.Userfaultfd.Copy(page.Start, memory.Page(7)).ThrowIfIncomplete();
            Assert.Equal(memory.Page(7), await touch);
            return;
        }

        Assert.Equal(new UffdResult(area.PageSize, Errno.None), area.Userfaultfd.ZeroPage(page));
        Assert.Equal(new byte[area.PageSize], await touch);
        Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.ZeroPage(page));
        if (memory.IsShared())
        {
            // The page is there for every view of the object, also for one that never mapped it.
            using MemoryMapping alias = area.MapAlias();
            area.Userfaultfd.Register(alias.Range, UffdRegisterModes.Missing);
            Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.ZeroPage(new AddressRange(alias.Address + area.PageSize, area.PageSize)));
        }
    }

    /// <summary>Each fault is answered with a page that is moved there; the source is empty afterwards.</summary>
    [Theory]
    [Memory(MemoryKind.Anonymous)]
    public async Task Move(MemoryKind memory)
    {
        using Area area = Area.Create(memory, features: UffdFeatures.Move);
        using MemoryMapping source = MoveSource(area.Range.Length, MappingPages.Base);
        int faults = 0;
        Task<byte[]> touches = NativeTouch.ReadPagesAsync(area.Range, area.PageSize);
        await area.ServeAsync(touches, message =>
        {
            int page = area.PageOf(message.PageFault.Address);
            Assert.Equal(new UffdResult(area.PageSize, Errno.None), area.Userfaultfd.Move(area.PageAt(page), source.Address + ((ulong)page * area.PageSize)));
            faults++;
        });
        Assert.Equal(area.Pages, faults);
        AssertMoved(area, source);
    }

    /// <summary>A huge page is moved whole, and stays one.</summary>
    [Theory]
    [Memory(MemoryKind.Anonymous)]
    public async Task MovePmd(MemoryKind memory)
    {
        (Area area, MemoryMapping source) = MoveHuge(memory);
        using (area)
        using (source)
        {
            int faults = await MoveInChunks(area, source, MemoryKinds.HugePage);
            Assert.Equal(2, faults);
            AssertMoved(area, source);
            Assert.Equal(area.Range.Length, PageTable.SmapsField(Environment.ProcessId, area.Range.Start, "AnonHugePages"));
        }
    }

    /// <summary>A huge page that is moved in parts, to where none is wanted, is split.</summary>
    [Theory]
    [Memory(MemoryKind.Anonymous)]
    public async Task MovePmdSplit(MemoryKind memory)
    {
        (Area area, MemoryMapping source) = MoveHuge(memory);
        using (area)
        using (source)
        {
            area.Mapping.Advise(MemoryAdvice.NoHugePage);
            int faults = await MoveInChunks(area, source, MemoryKinds.HugePage / 2);
            Assert.Equal(4, faults);
            AssertMoved(area, source);
            Assert.Equal(0UL, PageTable.SmapsField(Environment.ProcessId, area.Range.Start, "AnonHugePages"));
        }
    }

    private static (Area Area, MemoryMapping Source) MoveHuge(MemoryKind memory)
    {
        const int Pages = 1024; // two huge pages
        Area area = Area.Create(memory, features: UffdFeatures.Move, pages: Pages, basePages: MappingPages.TransparentHuge);
        MemoryMapping source = MoveSource(area.Range.Length, MappingPages.TransparentHuge);
        source.Advise(MemoryAdvice.Collapse); // where the first touch found no huge page
        Assert.Equal(source.Length, PageTable.SmapsField(Environment.ProcessId, source.Address, "AnonHugePages"));
        return (area, source);
    }

    /// <summary>Memory that is not registered: each base page has its own value.</summary>
    private static MemoryMapping MoveSource(ulong length, MappingPages pages)
    {
        MemoryMapping source = Area.Map(MemoryKind.Anonymous, length, pages);
        source.Advise(MemoryAdvice.DontFork);
        for (ulong offset = 0; offset < length; offset += MemoryKinds.BasePage)
        {
            source.AsSpan(offset, (int)MemoryKinds.BasePage).Fill(MoveValue(offset));
        }

        return source;
    }

    private static byte MoveValue(ulong offset) => (byte)(1 + (offset / MemoryKinds.BasePage % 251));

    private static async Task<int> MoveInChunks(Area area, MemoryMapping source, ulong chunk)
    {
        int faults = 0;
        Task<byte[]> touches = NativeTouch.ReadPagesAsync(area.Range, MemoryKinds.BasePage);
        await area.ServeAsync(touches, message =>
        {
            ulong offset = (message.PageFault.Address - area.Range.Start) & ~(chunk - 1);
            UffdResult moved = area.Userfaultfd.Move(new AddressRange(area.Range.Start + offset, chunk), source.Address + offset);
            Assert.Equal(new UffdResult(chunk, Errno.None), moved);
            faults++;
        });
        return faults;
    }

    private static void AssertMoved(Area area, MemoryMapping source)
    {
        for (ulong offset = 0; offset < area.Range.Length; offset += MemoryKinds.BasePage)
        {
            int length = (int)MemoryKinds.BasePage;
            Assert.Equal(-1, area.Mapping.AsSpan(offset, length).IndexOfAnyExcept(MoveValue(offset))); // present: cannot fault
            Assert.Equal(-1, source.AsSpan(offset, length).IndexOfAnyExcept((byte)0)); // not registered
        }
    }
}
