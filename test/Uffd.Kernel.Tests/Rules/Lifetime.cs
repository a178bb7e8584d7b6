using Uffd.Abi;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>The descriptor before its handshake, while it is polled, when it closes, and when its process has gone.</summary>
public sealed class Lifetime
{
    [Fact]
    public unsafe void Before_the_handshake_nothing_works()
    {
        Requires.Features(UffdFeatures.None);
        UserfaultfdFactory.Try(UffdCreationMethod.SystemCall, UffdFaultScope.UserOnly, nonBlocking: true, out SafeUserfaultfdHandle? handle);
        Requires.Supported(handle is not null, "UFFD_USER_MODE_ONLY (Linux 5.11)");
        using (handle)
        {
            using MemoryMapping mapping = MemoryMapping.CreateAnonymous(MemoryKinds.BasePage);
            var argument = new uffdio_register { range = new uffdio_range { start = mapping.Address, len = mapping.Length }, mode = (ulong)UffdRegisterModes.Missing };
            Assert.Equal(Errno.EINVAL, RawOperation.Call(handle, UserfaultfdAbi.UFFDIO_REGISTER, &argument));
            Assert.Equal(Errno.EINVAL, RawOperation.Call(handle, UserfaultfdAbi.UFFDIO_WAKE, &argument.range));
            Assert.Equal(Errno.EINVAL, RawOperation.Read(handle, sizeof(uffd_msg)));
            Assert.Equal(DescriptorAbi.POLLERR, RawOperation.Poll(handle));
        }
    }

    [Fact]
    public void Blocking_descriptor_is_always_in_error_to_a_poller()
    {
        Requires.Features(UffdFeatures.None);
        using Userfaultfd blocking = Userfaultfd.Create(new UserfaultfdOptions { NonBlocking = false });
        Assert.Equal(DescriptorAbi.POLLERR, RawOperation.Poll(blocking.Handle));
    }

    [Fact]
    public async Task Poller_is_told_of_faults_and_of_nothing_else()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        Assert.Equal(0, RawOperation.Poll(area.Userfaultfd.Handle));
        Assert.Equal(Errno.EAGAIN, RawOperation.Read(area.Userfaultfd.Handle, 32));
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.WaitForPendingFaults(1);
        Assert.Equal(DescriptorAbi.POLLIN, RawOperation.Poll(area.Userfaultfd.Handle));
        area.ReadOne();
        Assert.Equal(0, RawOperation.Poll(area.Userfaultfd.Handle)); // read, though not yet resolved
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch;
    }

    [Fact]
    public async Task Room_for_less_than_a_message_is_refused_and_takes_none()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.WaitForPendingFaults(1);
        Assert.Equal(Errno.EINVAL, RawOperation.Read(area.Userfaultfd.Handle, 31));
        area.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch;
    }

    [Theory]
    [Memory]
    public async Task Last_close_turns_waiting_and_later_faults_into_zeros_and_no_earlier_one_does(MemoryKind memory)
    {
        await using TargetArea area = await TargetArea.StartAsync(memory, modes: UffdRegisterModes.Missing);
        TargetJob touch = await area.Target.BeginTouchAsync(threads: 1, 0);
        area.Session.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Session.Dispose();
        await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.False(await touch.IsDoneAsync()); // the process itself has a copy
        await area.Target.CloseUserfaultfdAsync();
        Assert.Equal(0, Assert.Single(await touch.JoinTouchesAsync()).Value);
        Assert.Equal(0, (await area.Target.TouchAsync(area.PageSize)).Value);
    }

    [Fact]
    public async Task Last_close_takes_the_protection_away()
    {
        Requires.Features(UffdFeatures.PageFaultFlagWriteProtect);
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.WriteProtect);
        await NativeTouch.WriteByteAsync(area.Range.Start, 1);
        area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        Task write = NativeTouch.WriteByteAsync(area.Range.Start, 2);
        area.ReadFault(PageFaultKind.WriteProtect, area.Range.Start);
        area.Userfaultfd.Dispose();
        await write;
    }

    [Fact]
    public async Task End_of_the_process_is_ESRCH_and_told_to_no_poller()
    {
        const UffdFeatures Features = UffdFeatures.Poison;
        Requires.Features(MemoryKind.Anonymous.Needs(UffdRegisterModes.WriteProtect));
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, Features, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        await area.Target.CrashAsync();
        Assert.Equal(0, RawOperation.Poll(area.Userfaultfd.Handle));
        area.Session.AssertSilent();
        using MemoryMapping source = MemoryMapping.CreateAnonymous(area.PageSize);
        source.AsSpan().Fill(1);
        const long Untouched = 12345;
        ulong page = area.Range.Start;
        var range = new uffdio_range { start = page, len = area.PageSize };
        (Errno, long) gone = (Errno.ESRCH, Untouched);
        Assert.Equal(gone, RawOperation.Run(area.Userfaultfd, new uffdio_copy { dst = page, src = source.Address, len = area.PageSize, copy = Untouched }));
        Assert.Equal(gone, RawOperation.Run(area.Userfaultfd, new uffdio_zeropage { range = range, zeropage = Untouched }));
        Assert.Equal(gone, RawOperation.Run(area.Userfaultfd, new uffdio_poison { range = range, updated = Untouched }));
        Assert.Equal(gone, RawOperation.Run(area.Userfaultfd, new uffdio_continue { range = range, mapped = Untouched }));
        Assert.Equal(Errno.ESRCH, area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect).Errno);
        Assert.True(area.Userfaultfd.Wake(area.Range).IsComplete); // asks nothing of the process
        Assert.Contains(area.Userfaultfd.Unregister(area.Range).Errno, new[] { Errno.ENOMEM, Errno.ESRCH });
        Assert.False(area.Userfaultfd.IsTargetAlive());
    }
}
