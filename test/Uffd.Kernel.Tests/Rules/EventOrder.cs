using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>When events are told, in which order, and what must wait for them.</summary>
public sealed class EventOrder
{
    private const int Half = 8;

    /// <summary>The operation that announces each event, on the second half of the memory.</summary>
    public static TheoryData<UffdFeatures> Announced => [UffdFeatures.EventFork, UffdFeatures.EventRemap, UffdFeatures.EventRemove, UffdFeatures.EventUnmap];

    [Theory]
    [MemberData(nameof(Announced))]
    public async Task Every_fill_is_told_to_come_again_and_the_originator_waits_until_the_event_is_read(UffdFeatures features)
    {
        const UffdRegisterModes Modes = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect;
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, features, Modes);
        area.Userfaultfd.ZeroPage(area.PageAt(1)).ThrowIfIncomplete();
        TargetJob job = await area.Target.BeginAsync(Command(area, features));
        area.Session.WaitReadable();
        var again = new UffdResult(0, Errno.EAGAIN);
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(again, area.Userfaultfd.Copy(area.PageAt(0).Start, MemoryKind.Anonymous.Page(1)));
            Assert.Equal(again, area.Userfaultfd.ZeroPage(area.PageAt(0)));
            Assert.Equal(again, area.Userfaultfd.WriteProtect(area.PageAt(1), UffdWriteProtectModes.Protect));
        }

        Assert.True(area.Userfaultfd.Wake(area.PageAt(0)).IsComplete); // waking is not filling
        Assert.False(await job.IsDoneAsync());
        UffdEvent message = area.Session.ReadOne();
        using Userfaultfd? forked = message.Kind == UffdEventKind.Fork ? message.Forked : null;
        await job.JoinAsync();
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(0)).IsComplete);
    }

    [Theory]
    [MemberData(nameof(Announced))]
    public async Task Faults_are_read_before_older_events(UffdFeatures features)
    {
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, features, UffdRegisterModes.Missing);
        TargetJob job = await area.Target.BeginAsync(Command(area, features));
        area.Session.WaitReadable();
        TargetJob touch = await area.Target.BeginTouchAsync(threads: 1, 0);
        area.Session.WaitForPendingFaults(1);
        Assert.Equal(2, area.Session.Reader.Read());
        Assert.Equal(UffdEventKind.PageFault, area.Session.Reader[0].Kind);
        UffdEvent message = area.Session.Reader[1];
        Assert.NotEqual(UffdEventKind.PageFault, message.Kind);
        using Userfaultfd? forked = message.Kind == UffdEventKind.Fork ? message.Forked : null;
        await job.JoinAsync();
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch.JoinAsync();
    }

    [Fact]
    public async Task Event_that_was_not_asked_for_is_not_told()
    {
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: UffdRegisterModes.Missing);
        foreach (UffdFeatures features in (UffdFeatures[])[UffdFeatures.EventFork, UffdFeatures.EventRemove, UffdFeatures.EventUnmap])
        {
            await area.Target.RunAsync(Command(area, features));
        }

        area.Session.AssertSilent();
    }

    [Fact]
    public async Task Removal_is_told_before_the_pages_go()
    {
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, UffdFeatures.EventRemove, UffdRegisterModes.Missing);
        area.Userfaultfd.Copy(area.PageAt(Half).Start, MemoryKind.Anonymous.Page(5)).ThrowIfIncomplete();
        TargetJob job = await area.Target.BeginAsync(Command(area, UffdFeatures.EventRemove));
        area.Session.WaitReadable();
        Assert.Equal(5, (await area.Target.TouchAsync(Half * area.PageSize)).Value);
        Assert.Equal(area.PageAt(Half, Half), area.Session.ReadOne().Range);
        await job.JoinAsync();
        TargetJob touch = await area.Target.BeginTouchAsync(threads: 1, Half * area.PageSize);
        area.Session.ReadFault(PageFaultKind.Missing, area.PageAt(Half).Start);
        area.Userfaultfd.ZeroPage(area.PageAt(Half)).ThrowIfIncomplete();
        await touch.JoinAsync();
    }

    [Fact]
    public async Task Unmapping_is_told_after_it_was_done()
    {
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, UffdFeatures.EventUnmap, UffdRegisterModes.Missing);
        area.Userfaultfd.Copy(area.PageAt(Half).Start, MemoryKind.Anonymous.Page(5)).ThrowIfIncomplete();
        TargetJob job = await area.Target.BeginAsync(Command(area, UffdFeatures.EventUnmap));
        area.Session.WaitReadable();
        Assert.Equal(TouchResult.Sigsegv, await area.Target.TouchAsync(Half * area.PageSize));
        Assert.Equal(area.PageAt(Half, Half), area.Session.ReadOne().Range);
        await job.JoinAsync();
    }

    [Fact]
    public async Task Fork_hands_the_reader_a_descriptor_like_the_parents()
    {
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, UffdFeatures.EventFork, UffdRegisterModes.Missing);
        TargetJob fork = await area.Target.BeginAsync("fork");
        using var child = new Session(area.Session.ReadOne().Forked);
        await fork.JoinAsync();
        const int F_GETFD = 1;
        const int FD_CLOEXEC = 1;
        Assert.Equal(FD_CLOEXEC, LibC.Fcntl(child.Userfaultfd.Handle, F_GETFD, 0) & FD_CLOEXEC);
        Assert.Equal(DescriptorAbi.O_NONBLOCK, LibC.Fcntl(child.Userfaultfd.Handle, DescriptorAbi.F_GETFL, 0) & DescriptorAbi.O_NONBLOCK);

        // What is missing is missing on both sides, and told to each side's own.
        TargetJob ofChild = await area.Target.Child.BeginTouchAsync(threads: 1, 0);
        child.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Session.AssertSilent();
        child.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(3)).ThrowIfIncomplete();
        Assert.Equal(3, Assert.Single(await ofChild.JoinTouchesAsync()).Value);
        TargetJob ofParent = await area.Target.BeginTouchAsync(threads: 1, 0);
        area.Session.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(4)).ThrowIfIncomplete();
        Assert.Equal(4, Assert.Single(await ofParent.JoinTouchesAsync()).Value);
    }

    [Fact]
    public async Task Child_of_a_fork_that_is_not_told_is_not_registered()
    {
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: UffdRegisterModes.Missing);
        await area.Target.ForkAsync();
        Assert.Equal(0, (await area.Target.Child.TouchAsync(0)).Value);
        area.Session.AssertSilent();
    }

    [Fact]
    public async Task Memory_that_moves_untold_is_not_registered_any_more()
    {
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: UffdRegisterModes.Missing);
        await area.Target.RunAsync($"mremap 0 {area.Range.Length}");
        Assert.Equal(0, (await area.Target.TouchAsync(0)).Value);
        area.Session.AssertSilent();
    }

    [Fact]
    public void Hole_punched_through_the_file_is_told_to_nobody()
    {
        using Area area = Area.Create(MemoryKind.Shmem, UffdRegisterModes.Missing, UffdFeatures.EventRemove);
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Shmem.Page(1)).ThrowIfIncomplete();
        SystemCalls.PunchHole(area.Mapping.Descriptor!, 0, area.PageSize); // would wait here until it was read
        area.AssertSilent();
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(0)).IsComplete); // it is missing again
    }

    [Fact]
    public async Task Huge_pages_are_removed_inside_of_the_range_that_is_told()
    {
        using Area area = Area.Create(MemoryKind.Hugetlb, UffdRegisterModes.Missing, UffdFeatures.EventRemove);
        for (int page = 0; page < area.Pages; page++)
        {
            area.Userfaultfd.Copy(area.PageAt(page).Start, area.Kind.Page(5)).ThrowIfIncomplete();
        }

        var range = new AddressRange(area.Range.Start + (area.PageSize * 3 / 2), area.PageSize * 2);
        Task<bool> remove = NativeTouch.Run(() =>
        {
            area.Mapping.Advise(MemoryAdvice.Remove, range);
            return true;
        });
        Assert.Equal(range, area.ReadOne().Range);
        await remove;
        Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.Copy(area.PageAt(1).Start, area.Kind.Page(6)));
        Assert.True(area.Userfaultfd.Copy(area.PageAt(2).Start, area.Kind.Page(6)).IsComplete);
        Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.Copy(area.PageAt(3).Start, area.Kind.Page(6)));
        Assert.Equal(5, await NativeTouch.ReadByteAsync(area.PageAt(1).Start));
    }

    private static string Command(TargetArea area, UffdFeatures features)
    {
        string half = string.Create(CultureInfo.InvariantCulture, $"{Half * area.PageSize} {Half * area.PageSize}");
        return features switch
        {
            UffdFeatures.EventFork => "fork",
            UffdFeatures.EventRemap => $"mremap {half}",
            UffdFeatures.EventRemove => $"dontneed {half}",
            _ => $"munmap {half}",
        };
    }
}
