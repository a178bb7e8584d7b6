namespace Uffd.Tests.Operations;

/// <summary>Zeros, minor faults, poison, and write-protection.</summary>
public class FillTests
{
    [Fact]
    public async Task Zeros_fill_and_wake()
    {
        using Arena arena = Arena.Create(1);
        Task<byte[]> touch = NativeTouch.ReadAsync(arena.Range.Start, (int)Arena.Page);
        arena.ReadOne();
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.ZeroPage(arena.Range));
        Assert.Equal(new byte[Arena.Page], await touch);
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.ZeroPage(arena.Range));
    }

    [Fact]
    public async Task Zeros_that_wake_nobody_leave_the_waiter_to_a_wake()
    {
        using Arena arena = Arena.Create(1);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        arena.ReadOne();
        Assert.True(arena.Userfaultfd.ZeroPage(arena.Range, UffdZeroPageModes.DontWake).IsComplete);
        Assert.False(touch.IsCompleted);
        arena.Userfaultfd.Wake(arena.Range);
        Assert.Equal(0, await touch);
    }

    [Theory]
    [InlineData(UffdContinueModes.None)]
    [InlineData(UffdContinueModes.DontWake)]
    [InlineData(UffdContinueModes.WriteProtect)]
    public async Task Minor_fault_is_resolved_with_the_page_of_the_cache(UffdContinueModes modes)
    {
        UffdRegisterModes register = UffdRegisterModes.Minor | (modes == UffdContinueModes.WriteProtect ? UffdRegisterModes.WriteProtect : 0);
        using Arena arena = Arena.Create(0, register, UffdFeatures.MinorShmem | UffdFeatures.WriteProtectHugetlbfsShmem, () => MemoryMapping.CreateMemfd("minor", 2 * Arena.Page));
        using MemoryMapping view = MemoryMapping.MapMemfd(arena.Mapping.Descriptor!, 2 * Arena.Page);
        byte[] content = Content.Random(1);
        content.CopyTo(view.AsSpan()); // the second view is not registered

        Task<byte[]> touch = NativeTouch.ReadAsync(arena.Range.Start, content.Length);
        Assert.Equal(PageFaultKind.Minor, arena.ReadOne().PageFault.Kind);
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.Continue(arena.PageAt(0), modes));
        if (modes == UffdContinueModes.DontWake)
        {
            Assert.False(touch.IsCompleted);
            arena.Userfaultfd.Wake(arena.PageAt(0));
        }

        Assert.Equal(content, await touch);
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.Continue(arena.PageAt(0)));
        Assert.Equal(new UffdResult(0, Errno.EFAULT), arena.Userfaultfd.Continue(arena.PageAt(1))); // not in the cache
        if (modes == UffdContinueModes.WriteProtect)
        {
            Task write = NativeTouch.WriteByteAsync(arena.Range.Start, 1);
            Assert.Equal(PageFaultKind.WriteProtect, arena.ReadOne().PageFault.Kind);
            arena.Userfaultfd.WriteProtect(arena.PageAt(0), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
            await write;
        }
    }

    [Fact]
    public void Anonymous_memory_has_no_minor_faults_to_resolve()
    {
        using Arena arena = Arena.Create(1);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), arena.Userfaultfd.Continue(arena.Range));
    }

    [Theory]
    [InlineData(UffdPoisonModes.None)]
    [InlineData(UffdPoisonModes.DontWake)]
    public async Task Poison_is_a_signal_for_who_touches(UffdPoisonModes modes)
    {
        Requires.Features(UffdFeatures.Poison);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(2 * Arena.Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using Arena arena = Arena.Of(await target.HandOverAsync());

        TargetJob touch = await target.BeginTouchAsync(threads: 1, 0);
        PageFault fault = arena.ReadOne().PageFault;
        var page = new AddressRange(region.Start, Arena.Page);
        Assert.Equal(region.Start, fault.Address);
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.Poison(page, modes));
        if (modes == UffdPoisonModes.DontWake)
        {
            Assert.False(await touch.IsDoneAsync());
            arena.Userfaultfd.Wake(page);
        }

        Assert.Equal([TouchResult.Sigbus], await touch.JoinTouchesAsync());
        Assert.Equal(TouchResult.Sigbus, await target.WriteAsync(0, 1));
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.Poison(page));
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.ZeroPage(page));
        Assert.Equal(0, arena.Reader.Read());
    }

    [Fact]
    public async Task Protection_makes_a_write_wait_and_lets_reads_pass()
    {
        using Arena arena = Arena.Create(1, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        arena.Userfaultfd.Copy(arena.Range.Start, Content.Random(1)).ThrowIfIncomplete();
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.Protect));
        await NativeTouch.ReadByteAsync(arena.Range.Start);

        Task write = NativeTouch.WriteByteAsync(arena.Range.Start, 9);
        PageFault fault = arena.ReadOne().PageFault;
        Assert.Equal((PageFaultKind.WriteProtect, true), (fault.Kind, fault.IsWrite));
        Assert.True(arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.DontWake).IsComplete);
        Assert.False(write.IsCompleted);
        arena.Userfaultfd.Wake(arena.Range);
        await write;
        Assert.Equal(9, await NativeTouch.ReadByteAsync(arena.Range.Start));
    }

    [Fact]
    public void Protecting_and_waking_nobody_at_once_is_refused()
    {
        using Arena arena = Arena.Create(1, UffdRegisterModes.WriteProtect);
        UffdResult result = arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.Protect | UffdWriteProtectModes.DontWake);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), result);
    }

    [Theory]
    [InlineData(UffdFeatures.None, false)]
    [InlineData(UffdFeatures.WriteProtectUnpopulated, true)]
    public async Task Absent_page_is_protected_only_with_the_feature(UffdFeatures features, bool isProtected)
    {
        using Arena arena = Arena.Create(1, UffdRegisterModes.WriteProtect, features);
        Assert.True(arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.Protect).IsComplete);
        Task write = NativeTouch.WriteByteAsync(arena.Range.Start, 1);
        if (isProtected)
        {
            Assert.Equal(PageFaultKind.WriteProtect, arena.ReadOne().PageFault.Kind);
            arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        }

        await write;
        Assert.Equal(0, arena.Reader.Read());
    }

    [Fact]
    public void Zeros_and_poison_over_a_protection_marker_are_refused()
    {
        using Arena arena = Arena.Create(2, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect, UffdFeatures.WriteProtectUnpopulated | UffdFeatures.Poison);
        arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.ZeroPage(arena.PageAt(0)));
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.Poison(arena.PageAt(1)));
    }
}
