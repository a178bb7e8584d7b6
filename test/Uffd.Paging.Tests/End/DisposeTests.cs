namespace Uffd.Paging.Tests.End;

/// <summary>A pager that stops leaves no memory that silently reads zeros, and nobody who waits.</summary>
public class DisposeTests
{
    private const ulong Run = BackgroundFill.RunBytes;

    [Theory]
    [InlineData(TargetMemory.Anonymous, true)]
    [InlineData(TargetMemory.Anonymous, false)]
    [InlineData(TargetMemory.Shmem, true)]
    [InlineData(TargetMemory.Memfd, false)]
    public async Task Missing_is_poisoned_resident_is_kept_and_discarded_is_zeros(TargetMemory memory, bool wholePager)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Memory = memory, Features = UffdFeatures.EventRemove });
        await served.HashAsync(0, 4 * Served.Page);
        string discard = memory == TargetMemory.Anonymous ? "dontneed" : "remove";
        await served.Target.RunAsync($"{discard} {2 * Served.Page} {4 * Served.Page}"); // two that are there, two that are not
        await Served.DisposeInTimeAsync(wholePager ? served.Pager : served.Space);
        Assert.Equal(AddressSpaceEnd.Stopped, await served.EndAsync());
        Assert.Empty(served.Pager.AddressSpaces);
        Assert.Equal(Pattern.Hash(2 * Served.Page), await served.HashAsync(0, 2 * Served.Page));
        Assert.Equal(Pattern.HashOfZeros(4 * Served.Page), await served.HashAsync(2 * Served.Page, 4 * Served.Page));
        for (ulong page = 6; page < Run / Served.Page; page++)
        {
            Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(page * Served.Page));
        }

        Assert.Equal((long)(Run / Served.Page) - 6, served.Statistics.PoisonedPages);
        Assert.Equal(0, served.Statistics.PendingPages);
    }

    [Fact]
    public async Task Closing_without_settling_gives_zeros()
    {
        // The control of all tests here: what would happen.
        Served.NeedFeatures(UffdFeatures.None);
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapAsync(2 * Served.Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing);
        Userfaultfd userfaultfd = await target.HandOverAsync();
        await target.CloseUserfaultfdAsync();
        userfaultfd.Dispose();
        Assert.Equal(0, (await target.TouchAsync(0)).Value);
    }

    [Fact]
    public async Task Fault_that_waits_for_a_retry_gets_its_signal()
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, _) => page == 3);
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Options = new AddressSpaceOptions { BackgroundFill = false, SourceRetryDelay = TimeSpan.FromMinutes(1) },
        });
        TargetJob touch = await served.Target.BeginTouchAsync(4, 3 * Served.Page);
        await served.UntilNoticeAsync(PagerNoticeKind.SourceFailed);
        await served.StopAsync();
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigbus, result));
    }

    [Fact]
    public async Task Fault_that_nobody_has_read_yet_gets_its_signal()
    {
        // The loop is inside the source for one page, a second fault is unread, then it is told to stop.
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { KeepsCopy = true });
        using Userfaultfd other = await served.Target.HandOverAsync();
        TargetJob first = await served.Target.BeginTouchAsync(1, 0);
        await source.ArrivedAsync();
        TargetJob second = await served.Target.BeginTouchAsync(3, 9 * Served.Page);
        Task stopped = served.StopAsync();
        await Served.UntilAsync(() => served.Space.IsStopping, "the stop to be asked for");
        source.Open();
        await stopped;
        Assert.All(await second.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigbus, result));
        Assert.Equal(Pattern.ByteAt(0), (await first.JoinTouchesAsync())[0].Value);
    }

    [Fact]
    public async Task Complete_then_dispose_poisons_nothing()
    {
        const ulong Length = 8 << 20;
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Features = Served.AllEvents });
        await served.Target.TouchAsync(0);
        await served.Target.ForkAsync();
        Assert.True(await served.Pager.CompleteAsync(Served.Patience));
        await served.StopAsync();
        Assert.Equal(0, served.Statistics.PoisonedPages);
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
        Assert.Equal(Pattern.Hash(Length), await served.Target.Child.HashAsync(0, Length));
    }

    [Fact]
    public async Task Complete_waits_for_children_that_are_forked_meanwhile()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Features = Served.AllEvents });
        Task<bool> complete = served.Pager.CompleteAsync(Served.Patience);
        await source.ArrivedAsync();
        await served.Target.ForkAsync();
        source.Open();
        Assert.True(await complete);
        await served.StopAsync();
        Assert.Equal(Pattern.Hash(Run), await served.Target.Child.HashAsync(0, Run));
        Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
    }

    [Fact]
    public async Task Complete_gives_up_in_time()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source);
        Assert.False(await served.Pager.CompleteAsync(TimeSpan.FromMilliseconds(200)));
        source.Open();
        Assert.True(await served.Pager.CompleteAsync(Served.Patience));
    }

    [Fact]
    public async Task Process_is_killed_for_what_is_missing_where_the_policy_says_so()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        var terminate = new Setup { Options = new AddressSpaceOptions { BackgroundFill = false, FailurePolicy = FaultFailurePolicy.Terminate } };
        await using Served missing = await Served.StartAsync(Run, source, terminate);
        await using Served resident = await Served.StartAsync(Run, source, terminate);
        Assert.True(await resident.Pager.CompleteAsync(Served.Patience));
        await resident.StopAsync();
        Assert.Equal(Pattern.Hash(Run), await resident.HashAsync(0, Run)); // nothing missing, nobody killed
        await missing.StopAsync();
        await Served.UntilAsync(() => missing.Target.HasExited, "its end");
        Assert.Single(missing.Notices, notice => notice.Kind == PagerNoticeKind.TargetKilled);
    }

    [Fact]
    public async Task Disposing_twice_at_once_and_again_is_fine()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(64 << 20));
        await using Served served = await Served.StartAsync(64 << 20, source, new Setup { Options = new AddressSpaceOptions() });
        await Task.WhenAll(Enumerable.Range(0, 6).Select(index => NativeTouch.Run(() =>
        {
            (index % 2 == 0 ? (IDisposable)served.Pager : served.Space).Dispose();
            Assert.True(served.Space.Ended.IsCompleted, "it came back before the end");
            return true;
        })));
        served.Space.StartBackgroundFill(); // nothing any more
        Assert.True(await served.Pager.CompleteAsync(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task Disposing_from_a_listener_does_not_wait_for_itself()
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, _) => page == 3);
        await using Served served = await Served.StartAsync(Run, source, new Setup { Notice = notice => notice.Space.Dispose() });
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(3 * Served.Page));
        Assert.Equal(AddressSpaceEnd.Stopped, await served.EndAsync());
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(4 * Served.Page));
    }

    [Fact]
    public async Task Nothing_is_attached_to_a_pager_that_has_stopped()
    {
        Served.NeedFeatures(UffdFeatures.None);
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        using MemoryMapping memory = MemoryMapping.CreateAnonymous(Run);
        using Userfaultfd userfaultfd = Userfaultfd.Create();
        userfaultfd.Register(memory.Range, UffdRegisterModes.Missing);
        var pager = new Pager();
        pager.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pager.Attach(userfaultfd, [new AddressSpaceRegion(memory.Range, source)]));
        Assert.True(await pager.CompleteAsync(TimeSpan.Zero));
    }
}
