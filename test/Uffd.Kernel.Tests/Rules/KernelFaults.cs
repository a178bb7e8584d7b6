using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>Faults that the kernel itself takes on behalf of a process.</summary>
public sealed class KernelFaults
{
    [Fact]
    public async Task System_call_waits_for_its_page()
    {
        Requires.KernelFaults();
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: UffdRegisterModes.Missing, userModeOnly: false);
        TargetJob read = await area.Target.BeginAsync($"sysread 0 {area.PageSize}");
        Assert.True(area.Session.ReadFault(PageFaultKind.Missing, area.Range.Start).IsWrite);
        Assert.False(await read.IsDoneAsync());
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(1)).ThrowIfIncomplete();
        Assert.Equal($"{area.PageSize}", await read.JoinAsync());
    }

    [Fact]
    public async Task System_call_waits_until_its_page_is_unprotected()
    {
        Requires.KernelFaults();
        const UffdRegisterModes Modes = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect;
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: Modes, userModeOnly: false);
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(1), UffdCopyModes.WriteProtect).ThrowIfIncomplete();
        TargetJob read = await area.Target.BeginAsync($"sysread 0 {area.PageSize}");
        area.Session.ReadFault(PageFaultKind.WriteProtect, area.Range.Start);
        area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        Assert.Equal($"{area.PageSize}", await read.JoinAsync());
    }

    [Fact]
    public async Task User_mode_only_is_a_bad_address_to_a_system_call_and_no_message()
    {
        Requires.Linux(5, 11, "UFFD_USER_MODE_ONLY");
        const UffdRegisterModes Modes = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect;
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: Modes, userModeOnly: true);
        Assert.Equal(Errno.EFAULT, (await area.Target.TryAsync($"sysread 0 {area.PageSize}")).Errno);
        area.Userfaultfd.Copy(area.PageAt(1).Start, MemoryKind.Anonymous.Page(1), UffdCopyModes.WriteProtect).ThrowIfIncomplete();
        Assert.Equal(Errno.EFAULT, (await area.Target.TryAsync($"sysread {area.PageSize} {area.PageSize}")).Errno);
        area.Session.AssertSilent();

        TargetJob touch = await area.Target.BeginTouchAsync(threads: 1, 0);
        area.Session.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch.JoinAsync();
    }

    [Fact]
    public async Task User_mode_only_makes_populating_fail_and_no_message()
    {
        Requires.Linux(5, 14, "MADV_POPULATE_READ");
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: UffdRegisterModes.Missing, userModeOnly: true);
        TargetReply reply = await area.Target.TryAsync($"madvise {(int)MemoryAdvice.PopulateRead} 0 {area.PageSize}");
        Assert.False(reply.Succeeded);
        area.Session.AssertSilent();
    }

    [Fact]
    public async Task Populating_waits_for_every_page()
    {
        Requires.KernelFaults();
        Requires.Linux(5, 14, "MADV_POPULATE_READ");
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: UffdRegisterModes.Missing, userModeOnly: false);
        int faults = 0;
        TargetJob populate = await area.Target.BeginAsync($"madvise {(int)MemoryAdvice.PopulateRead} 0 {area.Range.Length}");
        await area.Session.ServeAsync(populate.JoinAsync(), message =>
        {
            area.Userfaultfd.ZeroPage(area.PageAt(area.PageOf(message.PageFault.Address))).ThrowIfIncomplete();
            faults++;
        });
        Assert.Equal(area.Pages, faults);
    }

    /// <summary>Tracking needs no message, so it needs no privilege to see what the kernel writes for the process.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_kernel_writes_for_the_process_is_tracked(bool userModeOnly)
    {
        Requires.Root(); // for the page map of another process
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, UffdFeatures.WriteProtectAsync, userModeOnly: userModeOnly);
        await area.FillAsync();
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.WriteProtect);
        using PagemapScan scan = PagemapScan.Open(area.Target.ProcessId);
        scan.Scan(area.Range, Tracked.Harvest, []);
        await area.Target.RunAsync($"sysread {3 * area.PageSize} {area.PageSize}");
        Assert.Equal([area.PageAt(3)], Tracked.Join(scan.ScanAll(area.Range, Tracked.Harvest)));
        area.Session.AssertSilent();
    }
}
