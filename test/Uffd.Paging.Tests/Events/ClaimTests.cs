namespace Uffd.Paging.Tests.Events;

/// <summary>No page is done twice, and nobody who waits is forgotten.</summary>
public class ClaimTests
{
    private const ulong Run = BackgroundFill.RunBytes;

    [Fact]
    public async Task Fault_on_a_page_that_the_background_has_in_hand_waits_for_it()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Options = new AddressSpaceOptions() });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 5, 5 * Served.Page);
        await served.UntilFaultsAsync(5);
        Assert.False(await touch.IsDoneAsync());
        Assert.Equal(1, source.Reads);
        source.Open();
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(Pattern.ByteAt(5 * Served.Page), result.Value));
        await served.ResidentAsync();
        Assert.Equal(1, source.Reads);
        Assert.Equal(5, served.Statistics.DuplicateFaults);
        Assert.Equal(0, served.Statistics.DemandPages);
        Assert.Equal((long)(Run / Served.Page), served.Statistics.BackgroundPages);
    }

    [Fact]
    public async Task Threads_on_one_page_cost_one_fill_and_all_wake_up()
    {
        using var source = new GatedSource(Pattern.Bytes(4 * Served.Page));
        await using Served served = await Served.StartAsync(4 * Served.Page, source, new Setup { KeepsCopy = true });
        using Userfaultfd other = await served.Target.HandOverAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 8, Served.Page + 11);
        await source.ArrivedAsync();
        await UntilWaitingAsync(other, 8);
        source.Open();
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(Pattern.ByteAt(Served.Page + 11), result.Value));
        Assert.Equal(1, source.Reads);
        Assert.Equal(1, served.Statistics.DemandPages);
    }

    [Theory]
    [InlineData(UffdFeatures.None)]
    [InlineData(UffdFeatures.EventRemove | UffdFeatures.EventUnmap)]
    public async Task Background_and_demand_never_read_a_page_twice(UffdFeatures features)
    {
        const ulong Length = 16 << 20;
        var source = new CountingSource(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Features = features, Options = new AddressSpaceOptions() });
        Assert.Equal(0UL, await served.RoamAsync(16, 1000, salt: 1));
        await served.ResidentAsync();
        Assert.Empty(source.Repeated);
        Assert.Equal((int)(Length / Served.Page), source.Total);
        Assert.Equal((long)(Length / Served.Page), served.Statistics.FilledPages);
    }

    [Fact]
    public void Counting_finds_a_page_that_was_read_twice()
    {
        // The control of the one above.
        var source = new CountingSource(Pattern.Bytes(4 * Served.Page));
        source.Read(0, new byte[2 * Served.Page]);
        source.Read(Served.Page, new byte[Served.Page]);
        Assert.Equal([1UL], source.Repeated);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Page_that_another_put_there_without_waking_is_found_and_who_waits_is_woken(bool background)
    {
        using var source = new GatedSource(Pattern.Bytes(4 * Served.Page));
        await using Served served = await Served.StartAsync(4 * Served.Page, source, new Setup
        {
            KeepsCopy = true,
            Options = new AddressSpaceOptions { BackgroundFill = background },
        });
        using Userfaultfd other = await served.Target.HandOverAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, Served.Page);
        await source.ArrivedAsync();
        await UntilWaitingAsync(other, 4);
        byte[] theirs = new byte[Served.Page];
        Array.Fill(theirs, (byte)0x77);
        other.Copy(served.Region.Start + Served.Page, theirs, UffdCopyModes.DontWake).ThrowIfIncomplete();
        Assert.False(await touch.IsDoneAsync()); // the control: nobody has woken them
        source.Open();
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(0x77, result.Value));
        Assert.Equal(1, served.Statistics.AlreadyPresent);
        served.Space.StartBackgroundFill();
        await served.ResidentAsync();
        Assert.Equal(NativeTarget.Hash(theirs), await served.HashAsync(Served.Page, Served.Page));
        Assert.Equal(Pattern.Hash(2 * Served.Page, offset: 2 * Served.Page), await served.HashAsync(2 * Served.Page, 2 * Served.Page));
    }

    [Fact]
    public async Task Claims_come_back_when_the_source_fails_under_a_fault()
    {
        // The background has the page in hand, a fault waits for it, and the background fails: the fault is served anew.
        using var source = new GatedSource(Pattern.Bytes(Run)) { Outcome = new IOException("not now") };
        await using Served served = await Served.StartAsync(Run, source, new Setup { Options = new AddressSpaceOptions() });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, 7 * Served.Page, 3 * Served.Page);
        await served.UntilFaultsAsync(4);
        source.Open(); // this read fails, all later ones do not
        Assert.All((await touch.JoinTouchesAsync()).Chunk(2), pair =>
        {
            Assert.Equal(Pattern.ByteAt(7 * Served.Page), pair[0].Value);
            Assert.Equal(Pattern.ByteAt(3 * Served.Page), pair[1].Value);
        });
        await served.ResidentAsync();
        Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
        Assert.Equal(0, served.Statistics.PoisonedPages);
    }

    /// <summary>Waits until so many threads wait for pages, whether their faults were read or not.</summary>
    private static Task UntilWaitingAsync(Userfaultfd userfaultfd, int count)
    {
        string path = $"/proc/self/fdinfo/{userfaultfd.Handle.DangerousGetHandle()}"; // alive: the caller holds it
        return Served.UntilAsync(() => File.ReadAllText(path).Contains($"total:\t{count}\n", StringComparison.Ordinal), $"{count} threads that wait");
    }
}
