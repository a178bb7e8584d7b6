using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>Protection of pages that are absent, and what takes it away.</summary>
public sealed class Markers
{
    private const UffdRegisterModes Modes = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect;

    [Theory]
    [InlineData(UffdFeatures.None, false)]
    [InlineData(UffdFeatures.WriteProtectUnpopulated, true)]
    public async Task Absent_anonymous_page_is_protected_only_with_the_feature(UffdFeatures features, bool isProtected)
    {
        Requires.Features(features);
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.WriteProtect, features);
        Assert.True(area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect).IsComplete);
        Assert.Equal(isProtected, IsProtected(area, 0));
        Task write = NativeTouch.WriteByteAsync(area.Range.Start, 1);
        if (isProtected)
        {
            area.ReadFault(PageFaultKind.WriteProtect, area.Range.Start);
            area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        }

        await write;
        area.AssertSilent();
    }

    [Theory]
    [Memory(MemoryKind.Shmem, MemoryKind.ShmemPrivate, MemoryKind.Hugetlb, MemoryKind.HugetlbPrivate)]
    public void Absent_page_of_a_file_is_protected_without_it(MemoryKind memory)
    {
        // On a private file mapping WP_UNPOPULATED is not asked for either: the page below it is the file's.
        using Area area = Area.Create(memory, Modes);
        area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        Assert.True(IsProtected(area, 0));
    }

    [Theory]
    [Memory]
    public async Task Plain_copy_over_a_marker_drops_the_protection(MemoryKind memory)
    {
        using Area area = Protected(memory);
        area.Userfaultfd.Copy(area.Range.Start, memory.Page(1)).ThrowIfIncomplete();
        Assert.False(IsProtected(area, 0));
        await NativeTouch.WriteByteAsync(area.Range.Start, 2);
        area.AssertSilent();
    }

    [Theory]
    [Memory]
    public async Task Copy_that_protects_keeps_it(MemoryKind memory)
    {
        using Area area = Protected(memory);
        area.Userfaultfd.Copy(area.Range.Start, memory.Page(1), UffdCopyModes.WriteProtect).ThrowIfIncomplete();
        Assert.True(IsProtected(area, 0));
        Task write = NativeTouch.WriteByteAsync(area.Range.Start, 2);
        area.ReadFault(PageFaultKind.WriteProtect, area.Range.Start);
        area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        await write;
    }

    [Theory]
    [Memory]
    public void Poison_over_a_marker_is_refused(MemoryKind memory)
    {
        Requires.Features(UffdFeatures.Poison);
        using Area area = Protected(memory);
        Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.Poison(area.PageAt(0)));
        Assert.True(IsProtected(area, 0));
    }

    /// <summary>Zeros over a marker are refused on private memory; on shared memory they are a copy, and drop the protection as one.</summary>
    [Theory]
    [InlineData(MemoryKind.Anonymous, true)]
    [InlineData(MemoryKind.ShmemPrivate, true)]
    [InlineData(MemoryKind.Shmem, false)]
    public void Zeros_over_a_marker(MemoryKind memory, bool refused)
    {
        using Area area = Protected(memory);
        Assert.Equal(refused ? Errno.EEXIST : Errno.None, area.Userfaultfd.ZeroPage(area.PageAt(0)).Errno);
        Assert.Equal(refused, IsProtected(area, 0));
    }

    [Theory]
    [InlineData(MemoryKind.Anonymous, true)]
    [InlineData(MemoryKind.ShmemPrivate, true)]
    [InlineData(MemoryKind.Shmem, false)]
    public void Zeros_over_poison(MemoryKind memory, bool refused)
    {
        using Area area = Area.Create(memory, features: UffdFeatures.Poison);
        area.Userfaultfd.Poison(area.PageAt(0)).ThrowIfIncomplete();
        Assert.Equal(refused ? Errno.EEXIST : Errno.None, area.Userfaultfd.ZeroPage(area.PageAt(0)).Errno);
    }

    /// <summary>Anonymous memory loses its protection with its content; an object keeps it, even when the content is removed.</summary>
    [Theory]
    [InlineData(MemoryKind.Anonymous, MemoryAdvice.DontNeed, false)]
    [InlineData(MemoryKind.Shmem, MemoryAdvice.DontNeed, true)]
    [InlineData(MemoryKind.Shmem, MemoryAdvice.Remove, true)]
    public async Task Discarding_a_protected_page(MemoryKind memory, MemoryAdvice discard, bool isProtected)
    {
        Requires.Features(memory.Needs(Modes));
        using Area area = Area.Create(memory, UffdRegisterModes.WriteProtect);
        await NativeTouch.FillAsync(area.Range.Start, 1, area.Range.Length);
        area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        area.Mapping.Advise(discard, area.PageAt(0));
        Assert.Equal(isProtected, IsProtected(area, 0));
        Assert.True(IsProtected(area, 1));
        Task write = NativeTouch.WriteByteAsync(area.Range.Start, 2);
        if (isProtected)
        {
            area.ReadFault(PageFaultKind.WriteProtect, area.Range.Start);
            area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        }

        await write;
        area.AssertSilent();
    }

    [Theory]
    [Memory]
    public async Task Missing_page_with_a_marker_is_still_a_missing_fault(MemoryKind memory)
    {
        using Area area = Protected(memory);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Userfaultfd.Copy(area.Range.Start, memory.Page(1)).ThrowIfIncomplete();
        Assert.Equal(1, await touch);
    }

    /// <summary>Poison is a marker too: more of it is refused, a copy heals it, and so does discarding.</summary>
    [Theory]
    [Memory]
    public async Task Poisoned_page_is_one_until_it_is_copied_or_discarded(MemoryKind memory)
    {
        Requires.Features(UffdFeatures.Poison);
        MemoryAdvice discard = memory.Discard();
        await using TargetArea area = await TargetArea.StartAsync(memory, modes: UffdRegisterModes.Missing);
        AddressRange page = area.PageAt(0);
        area.Userfaultfd.Poison(page).ThrowIfIncomplete();
        Assert.Equal(TouchResult.Sigbus, await area.Target.TouchAsync(0));
        Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.Poison(page));
        Assert.Equal(new UffdResult(area.PageSize, Errno.None), area.Userfaultfd.Copy(page.Start, memory.Page(1)));
        Assert.Equal(1, (await area.Target.TouchAsync(0)).Value);

        await area.Target.AdviseAsync(discard, 0, area.PageSize);
        area.Userfaultfd.Poison(page).ThrowIfIncomplete();
        await area.Target.AdviseAsync(MemoryAdvice.DontNeed, 0, area.PageSize);
        area.Userfaultfd.Copy(page.Start, memory.Page(2)).ThrowIfIncomplete();
        Assert.Equal(2, (await area.Target.TouchAsync(0)).Value);
    }

    /// <summary>Absent pages that are protected.</summary>
    private static Area Protected(MemoryKind memory)
    {
        Area area = Area.Create(memory, Modes, UffdFeatures.WriteProtectUnpopulated);
        area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        Assert.True(IsProtected(area, 0));
        return area;
    }

    private static bool IsProtected(Area area, int page) => PageTable.Read(Environment.ProcessId, area.PageAt(page).Start).IsWriteProtected;
}
