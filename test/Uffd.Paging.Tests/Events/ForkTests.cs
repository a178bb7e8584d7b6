namespace Uffd.Paging.Tests.Events;

/// <summary>A forked child is served as its parent was at that moment.</summary>
public class ForkTests
{
    private const ulong Run = BackgroundFill.RunBytes;

    private static readonly Setup Following = new() { Features = Served.AllEvents };

    [Theory]
    [InlineData(TargetMemory.Anonymous, true)]
    [InlineData(TargetMemory.Anonymous, false)]
    [InlineData(TargetMemory.Shmem, true)]
    [InlineData(TargetMemory.Shmem, false)]
    public async Task Parent_and_child_both_have_all(TargetMemory memory, bool background)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, Following with { Memory = memory });
        await served.HashAsync(0, 5 * Served.Page);
        await served.Target.WriteAsync(0, 0x11);
        await served.Target.ForkAsync();
        if (background)
        {
            foreach (AddressSpace space in served.Pager.AddressSpaces)
            {
                space.StartBackgroundFill();
                await space.Resident.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
            }
        }

        byte[] expected = Pattern.Bytes(Run);
        expected[0] = 0x11;
        Assert.Equal(NativeTarget.Hash(expected), await served.Target.Child.HashAsync(0, Run));
        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, Run));
        Assert.Equal(2, served.Pager.AddressSpaces.Count);
        AddressSpace child = served.Pager.AddressSpaces.Single(space => space.Parent == served.Space);
        await Served.UntilAsync(() => served.Notices.Any(notice => notice.Kind == PagerNoticeKind.Forked), "the notice"); // the child may be served before it
        Assert.Single(served.Notices, notice => notice.Kind == PagerNoticeKind.Forked);
        await served.Target.Child.RunAsync("exit");
        Assert.Equal(AddressSpaceEnd.TargetExited, await child.Ended.WaitAsync(Served.Patience, TestContext.Current.CancellationToken));
        Assert.Single(served.Pager.AddressSpaces);
        Assert.Equal(0, child.GetStatistics().PoisonedPages);
    }

    [Fact]
    public async Task What_the_child_does_to_its_memory_is_its_own()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, Following);
        await served.HashAsync(0, 8 * Served.Page);
        await served.Target.RunAsync($"dontneed 0 {2 * Served.Page}"); // before the fork: zeros in both
        await served.Target.ForkAsync();
        TargetCommands child = served.Target.Child;
        await child.RunAsync($"dontneed {4 * Served.Page} {8 * Served.Page}"); // some there, some missing
        await served.Target.RunAsync($"dontneed {13 * Served.Page} {Served.Page}");
        await child.WriteAsync(14 * Served.Page, 9);
        byte[] inChild = Pattern.Bytes(Run);
        byte[] inParent = Pattern.Bytes(Run);
        int page = (int)Served.Page;
        inChild.AsSpan(0, 2 * page).Clear();
        inParent.AsSpan(0, 2 * page).Clear();
        inChild.AsSpan(4 * page, 8 * page).Clear();
        inParent.AsSpan(13 * page, page).Clear();
        inChild[14 * page] = 9;
        Assert.Equal(NativeTarget.Hash(inChild), await child.HashAsync(0, Run));
        Assert.Equal(NativeTarget.Hash(inParent), await served.HashAsync(0, Run));
    }

    [Fact]
    public async Task Grandchild_is_served_too()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, Following);
        await served.Target.TouchAsync(0);
        await served.Target.ForkAsync();
        await served.Target.Child.TouchAsync(Served.Page);
        await served.Target.Child.RunAsync($"dontneed {2 * Served.Page} {Served.Page}");
        await served.Target.Child.ForkAsync();
        byte[] expected = Pattern.Bytes(Run);
        expected.AsSpan(2 * (int)Served.Page, (int)Served.Page).Clear();
        Assert.Equal(NativeTarget.Hash(expected), await served.Target.Child.Child.HashAsync(0, Run));
        Assert.Equal(NativeTarget.Hash(expected), await served.Target.Child.HashAsync(0, Run));
        Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
        Assert.Equal(3, served.Pager.AddressSpaces.Count);
        await served.StopAsync();
        Assert.Empty(served.Pager.AddressSpaces);
    }

    [Fact]
    public async Task Pages_in_the_parents_hand_are_missing_in_the_child_and_come()
    {
        using var source = new GatedSource(Pattern.Bytes(2 * Run), (offset, length) => offset == 0 && length > (int)Served.Page);
        await using Served served = await Served.StartAsync(2 * Run, source, Following with { Options = new AddressSpaceOptions() });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 3, Served.Page);
        await served.UntilFaultsAsync(3);
        await served.Target.ForkAsync();
        await source.ArrivedAsync(); // the child's own background fill has the same run in hand
        Assert.Equal(Pattern.Hash(Run, offset: Run), await served.Target.Child.HashAsync(Run, Run)); // not gated
        source.Open();
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(Pattern.ByteAt(Served.Page), result.Value));
        Assert.Equal(Pattern.Hash(2 * Run), await served.Target.Child.HashAsync(0, 2 * Run));
        Assert.Equal(Pattern.Hash(2 * Run), await served.HashAsync(0, 2 * Run));
    }

    [Fact]
    public async Task Fault_that_waits_while_its_process_forks_is_parked_and_served()
    {
        using var source = new GatedSource(Pattern.Bytes(8 * Served.Page), (offset, _) => offset == 4 * Served.Page);
        await using Served served = await Served.StartAsync(8 * Served.Page, source, Following with { KeepsCopy = true });
        using Userfaultfd other = await served.Target.HandOverAsync();
        await served.Target.TouchAsync(0);
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, 4 * Served.Page);
        await source.ArrivedAsync();
        Task<int> fork = served.Target.ForkAsync();
        await Served.UntilEventIsUnreadAsync(other, new AddressRange(served.Region.Start, Served.Page));
        source.Open();
        await fork;
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(Pattern.ByteAt(4 * Served.Page), result.Value));
        Assert.True(served.Statistics.Retries > 0, "the fill was not refused");
        Assert.Equal(Pattern.Hash(8 * Served.Page), await served.Target.Child.HashAsync(0, 8 * Served.Page));
        Assert.Equal(Pattern.Hash(8 * Served.Page), await served.HashAsync(0, 8 * Served.Page));
    }

    [Fact]
    public async Task Child_forked_in_the_middle_of_a_fill_has_all()
    {
        const ulong Length = 8 << 20;
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length, salt: 3));
        for (int round = 0; round < 5; round++)
        {
            await using Served served = await Served.StartAsync(Length, source, Following with { Options = new AddressSpaceOptions() });
            TargetJob roam = await served.Target.BeginAsync($"roam 4 2000 {round} 3");
            await served.Target.ForkAsync();
            Assert.Equal("0", await served.Target.Child.RunAsync($"roam 4 2000 {round} 3"), StringComparer.Ordinal);
            Assert.Equal("0", await roam.JoinAsync(), StringComparer.Ordinal);
            Assert.Equal(Pattern.Hash(Length, salt: 3), await served.Target.Child.HashAsync(0, Length));
            Assert.Equal(Pattern.Hash(Length, salt: 3), await served.HashAsync(0, Length));
        }
    }

    [Fact]
    public async Task Child_is_settled_when_the_pager_stops()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, Following);
        await served.Target.TouchAsync(0);
        await served.Target.RunAsync($"dontneed {Served.Page} {Served.Page}");
        await served.Target.ForkAsync();
        await served.Target.Child.TouchAsync(2 * Served.Page);
        await served.StopAsync();
        TargetCommands child = served.Target.Child;
        Assert.Equal(Pattern.ByteAt(0), (await child.TouchAsync(0)).Value);
        Assert.Equal(0, (await child.TouchAsync(Served.Page)).Value);
        Assert.Equal(Pattern.ByteAt(2 * Served.Page), (await child.TouchAsync(2 * Served.Page)).Value);
        Assert.Equal(TouchResult.Sigbus, await child.TouchAsync(3 * Served.Page));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(2 * Served.Page));
    }

    [Fact]
    public async Task Child_may_be_refused_before_it_is_served()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, Following with { Forked = space => space.Dispose() });
        await served.Target.TouchAsync(0);
        await served.Target.ForkAsync();
        Assert.Equal(TouchResult.Sigbus, await served.Target.Child.TouchAsync(Served.Page));
        Assert.Equal(Pattern.ByteAt(0), (await served.Target.Child.TouchAsync(0)).Value);
        Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
    }

    [Fact]
    public async Task Listener_that_throws_at_a_fork_harms_neither()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, Following with { Forked = _ => throw new InvalidOperationException("listener") });
        await served.Target.ForkAsync();
        Assert.Equal(Pattern.Hash(Run), await served.Target.Child.HashAsync(0, Run));
        Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
    }
}
