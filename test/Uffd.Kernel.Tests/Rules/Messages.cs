using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>How often a fault is told, and until when its thread waits.</summary>
public sealed class Messages
{
    [Theory]
    [Memory]
    public async Task Each_thread_tells_the_page_and_one_copy_wakes_all(MemoryKind memory)
    {
        await using TargetArea area = await TargetArea.StartAsync(memory, UffdFeatures.ThreadId, UffdRegisterModes.Missing);
        TargetJob touch = await area.Target.BeginTouchAsync(threads: 4, 123);
        area.Session.WaitForPendingFaults(4);
        Assert.Equal(4, area.Session.Reader.Read());
        PageFault[] faults = [.. Enumerable.Range(0, 4).Select(index => area.Session.Reader[index].PageFault)];
        Assert.All(faults, fault => Assert.Equal(area.Range.Start, fault.Address));
        Assert.Equal(4, faults.Select(fault => fault.ThreadId).Distinct().Count());
        area.Userfaultfd.Copy(area.Range.Start, memory.Page(7)).ThrowIfIncomplete();
        Assert.All(await touch.JoinTouchesAsync(), one => Assert.Equal(7, one.Value));
        area.Session.AssertSilent();
    }

    [Theory]
    [Memory]
    public async Task Signal_makes_a_waiting_thread_tell_its_page_again(MemoryKind memory)
    {
        await using TargetArea area = await TargetArea.StartAsync(memory, modes: UffdRegisterModes.Missing);
        TargetJob touch = await area.Target.BeginAsync("touch 0");
        UffdEvent first = area.Session.ReadOne();
        await touch.InterruptAsync();
        Assert.Equal(first, area.Session.ReadOne());
        area.Userfaultfd.Copy(area.Range.Start, memory.Page(7)).ThrowIfIncomplete();
        Assert.Equal(7, Assert.Single(await touch.JoinTouchesAsync()).Value);
    }

    [Fact]
    public async Task Fault_that_was_read_is_not_told_again_until_its_thread_is_woken()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        UffdEvent first = area.ReadOne();
        await Task.Delay(20, TestContext.Current.CancellationToken);
        area.AssertSilent();
        Assert.False(touch.IsCompleted);
        area.Userfaultfd.Wake(area.PageAt(0)).ThrowIfIncomplete();
        Assert.Equal(first, area.ReadOne());
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch;
    }

    [Fact]
    public async Task Fault_that_nobody_read_goes_when_its_page_has_come()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.WaitForPendingFaults(1);
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch;
        area.AssertSilent();
    }

    [Fact]
    public async Task Missing_page_and_protected_page_are_two_faults_of_one_write()
    {
        Requires.Features(UffdFeatures.PageFaultFlagWriteProtect);
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        Task write = NativeTouch.WriteByteAsync(area.Range.Start, 9);
        Assert.True(area.ReadFault(PageFaultKind.Missing, area.Range.Start).IsWrite);
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(1), UffdCopyModes.WriteProtect).ThrowIfIncomplete();
        area.ReadFault(PageFaultKind.WriteProtect, area.Range.Start);
        area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        await write;
    }

    [Fact]
    public async Task Who_fills_and_wakes_nobody_strands_the_waiter_and_a_second_fill_does_not_help()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.ReadOne();
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(5), UffdCopyModes.DontWake).ThrowIfIncomplete();
        Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(6)));
        await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.False(touch.IsCompleted);
        area.Userfaultfd.Wake(area.PageAt(0)).ThrowIfIncomplete();
        Assert.Equal(5, await touch);
    }

    /// <summary>What the object below a private mapping has in the page cache is not missing, also when it was never written.</summary>
    [Fact]
    public async Task Page_of_the_object_below_a_private_mapping_is_no_missing_page()
    {
        using Area area = Area.Create(MemoryKind.ShmemPrivate, UffdRegisterModes.None);
        await NativeTouch.WriteByteAsync(area.PageAt(1).Start, 5); // the own copy, and a page of zeros below it
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing);
        area.Mapping.Advise(MemoryAdvice.DontNeed);
        Assert.Equal(0, await NativeTouch.ReadByteAsync(area.PageAt(1).Start));
        area.AssertSilent();

        SystemCalls.PunchHole(area.Mapping.Descriptor!, area.PageSize, area.PageSize);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.PageAt(1).Start);
        area.ReadFault(PageFaultKind.Missing, area.PageAt(1).Start);
        area.Userfaultfd.Copy(area.PageAt(1).Start, area.Kind.Page(6)).ThrowIfIncomplete();
        Assert.Equal(6, await touch);
    }

    [Fact]
    public void Waking_nobody_is_no_error()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        Assert.True(area.Userfaultfd.Wake(area.Range).IsComplete);
    }

    [Theory]
    [InlineData(UffdFeatures.None, 0)]
    [InlineData(UffdFeatures.ExactAddress, 77)]
    public async Task Address_is_that_of_the_page_unless_asked_otherwise(UffdFeatures features, int offset)
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: features);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start + 77);
        if (features != UffdFeatures.None || Requires.IsLinux(5, 18))
        {
            area.ReadFault(PageFaultKind.Missing, area.Range.Start + (ulong)offset);
        }
        else
        {
            // Before EXACT_ADDRESS was a choice, kernels gave the one or the other.
            Assert.Equal(0, area.PageOf(area.ReadOne().PageFault.Address));
        }

        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch;
    }
}
