using Uffd.Abi;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>Huge pages, transparent and reserved.</summary>
public sealed class HugePages
{
    [Fact]
    public void Transparent_huge_page_hides_its_range_until_it_is_discarded()
    {
        Requires.Linux(6, 1, "MADV_COLLAPSE");
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.None, pages: 512, basePages: MappingPages.TransparentHuge);
        area.Mapping.AsSpan().Fill(1); // not registered yet
        area.Mapping.Advise(MemoryAdvice.Collapse);
        Assert.Equal(MemoryKinds.HugePage, PageTable.SmapsField(Environment.ProcessId, area.Range.Start, "AnonHugePages"));
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing);
        using MemoryMapping source = MemoryMapping.CreateAnonymous(area.PageSize);
        var copy = new uffdio_copy { dst = area.PageAt(5).Start, src = source.Address, len = area.PageSize };
        Assert.Equal((Errno.EEXIST, -(long)Errno.EEXIST), RawOperation.Run(area.Userfaultfd, copy));
        Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.ZeroPage(area.PageAt(5)));
        area.Mapping.Advise(MemoryAdvice.DontNeed);
        Assert.Equal((Errno.None, (long)area.PageSize), RawOperation.Run(area.Userfaultfd, copy));
    }

    [Fact]
    public async Task Registered_memory_is_faulted_in_by_base_pages_even_where_huge_ones_are_wanted()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, pages: 512, basePages: MappingPages.TransparentHuge);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.PageAt(7).Start);
        area.ReadFault(PageFaultKind.Missing, area.PageAt(7).Start);
        area.Userfaultfd.Copy(area.PageAt(7).Start, MemoryKind.Anonymous.Page(3)).ThrowIfIncomplete();
        Assert.Equal(3, await touch);
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(8)).IsComplete);
    }

    [Theory]
    [Memory(MemoryKind.Hugetlb, MemoryKind.HugetlbPrivate)]
    public async Task Reserved_huge_pages_come_whole_and_are_never_zeroed(MemoryKind memory)
    {
        using Area area = Area.Create(memory);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start + (3 * MemoryKinds.BasePage));
        area.ReadFault(PageFaultKind.Missing, area.Range.Start);
        var half = new uffdio_copy { dst = area.Range.Start, src = area.Range.Start, len = area.PageSize / 2 };
        Assert.Equal((Errno.EINVAL, -(long)Errno.EINVAL), RawOperation.Run(area.Userfaultfd, half));
        var inside = new uffdio_copy { dst = area.Range.Start + MemoryKinds.BasePage, src = area.Range.Start, len = area.PageSize };
        Assert.Equal((Errno.EINVAL, -(long)Errno.EINVAL), RawOperation.Run(area.Userfaultfd, inside));
        var zeros = new uffdio_zeropage { range = new uffdio_range { start = area.Range.Start, len = area.PageSize } };
        Assert.Equal((Errno.EINVAL, -(long)Errno.EINVAL), RawOperation.Run(area.Userfaultfd, zeros));
        area.Userfaultfd.Copy(area.Range.Start, memory.Page(9)).ThrowIfIncomplete();
        Assert.Equal(9, await touch);
    }

    [Theory]
    [Memory(MemoryKind.Hugetlb, MemoryKind.HugetlbPrivate)]
    public void Reserved_huge_pages_are_protected_whole(MemoryKind memory)
    {
        using Area area = Area.Create(memory, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        Assert.Equal(Errno.EINVAL, area.Userfaultfd.WriteProtect(new AddressRange(area.Range.Start, MemoryKinds.BasePage), UffdWriteProtectModes.Protect).Errno);
        Assert.True(area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Protect).IsComplete);
    }
}
