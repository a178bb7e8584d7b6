namespace Uffd.Paging.Tests.End;

/// <summary>
/// What the process does to its memory in the moment that it is given up. The loop is inside the source, the event is unread and
/// the stop is asked for; only then may the source answer.
/// </summary>
public class LastMomentTests
{
    private const ulong Length = 16 * 4096;

    [Fact]
    public async Task Memory_that_moves_takes_its_poison_along()
    {
        await using Served served = await StartAsync(out GatedSource source);
        ulong place = await served.PlaceAsync(Length - (8 * Served.Page));
        TargetJob touch = await StopDuringAsync(served, source, $"remap {served.Region.Start + (8 * Served.Page)} {Length - (8 * Served.Page)} {Length - (8 * Served.Page)} {place}");
        Assert.Equal(TouchResult.Sigbus, await served.TouchAtAsync(place));
        Assert.Equal(TouchResult.Sigbus, await served.TouchAtAsync(place + (7 * Served.Page)));
        Assert.Equal(TouchResult.Sigsegv, await served.Target.TouchAsync(8 * Served.Page));
        await AssertTheRestAsync(served, touch);
    }

    [Fact]
    public async Task Memory_that_is_discarded_is_zeros()
    {
        await using Served served = await StartAsync(out GatedSource source);
        TargetJob touch = await StopDuringAsync(served, source, $"dontneed {8 * Served.Page} {2 * Served.Page}");
        Assert.Equal(Pattern.HashOfZeros(2 * Served.Page), await served.HashAsync(8 * Served.Page, 2 * Served.Page));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(10 * Served.Page));
        await AssertTheRestAsync(served, touch);
    }

    [Fact]
    public async Task Memory_that_is_unmapped_holds_nobody_up()
    {
        await using Served served = await StartAsync(out GatedSource source);
        TargetJob touch = await StopDuringAsync(served, source, $"munmap {8 * Served.Page} {2 * Served.Page}");
        Assert.Equal(TouchResult.Sigsegv, await served.Target.TouchAsync(8 * Served.Page));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(10 * Served.Page));
        await AssertTheRestAsync(served, touch);
    }

    [Fact]
    public async Task Child_that_is_forked_is_settled_too()
    {
        await using Served served = await StartAsync(out GatedSource source);
        TargetJob touch = await StopDuringAsync(served, source, fork: true);
        Assert.Equal(TouchResult.Sigbus, await served.Target.Child.TouchAsync(8 * Served.Page));
        Assert.Equal(TouchResult.Sigbus, await served.Target.Child.TouchAsync(4 * Served.Page));
        Assert.Equal(Pattern.ByteAt(0), (await served.Target.Child.TouchAsync(0)).Value);
        Assert.Empty(served.Pager.AddressSpaces);
        await AssertTheRestAsync(served, touch);
    }

    [Fact]
    public async Task Child_that_is_forked_is_served_on_when_only_its_parent_is_given_up()
    {
        await using Served served = await StartAsync(out GatedSource source);
        TargetJob touch = await StopDuringAsync(served, source, fork: true, wholePager: false);
        Assert.Equal(Pattern.Hash(Length), await served.Target.Child.HashAsync(0, Length));
        await AssertTheRestAsync(served, touch);
    }

    [Fact]
    public async Task Memory_that_moves_while_it_is_being_poisoned_is_found_again()
    {
        await using Served served = await StartAsync(out GatedSource source);
        using Userfaultfd other = await served.Target.HandOverAsync();
        await served.Target.TouchAsync(0);
        TargetJob touch = await served.Target.BeginTouchAsync(3, 4 * Served.Page); // keeps the loop from reading
        await source.ArrivedAsync();
        ulong place = await served.PlaceAsync(Length - (8 * Served.Page));
        TargetJob move = await served.Target.BeginAsync($"remap {served.Region.Start + (8 * Served.Page)} {Length - (8 * Served.Page)} {Length - (8 * Served.Page)} {place}");
        await Served.UntilEventIsUnreadAsync(other, new AddressRange(served.Region.Start, Served.Page));
        int drains = 0;
        bool settled = await NativeTouch.Run(() =>
        {
            using var reader = new UffdEventReader(served.Space.Userfaultfd);
            return new MissingPages(served.Space, () =>
            {
                // The first look at events is before the move; the poisoning that follows is refused because of it.
                if (drains++ > 0)
                {
                    served.Space.DrainEvents(reader);
                }
            }).Settle();
        });
        Assert.True(settled);
        Assert.True(drains > 2, "the poisoning was not refused");
        await move.JoinAsync();
        Assert.Equal(TouchResult.Sigbus, await served.TouchAtAsync(place));
        Assert.Equal(TouchResult.Sigbus, await served.TouchAtAsync(place + (7 * Served.Page)));
        Task stopped = served.StopAsync();
        await Served.UntilAsync(() => served.Space.IsStopping, "the stop to be asked for");
        source.Open();
        await stopped;
        await AssertTheRestAsync(served, touch);
    }

    private static Task<Served> StartAsync(out GatedSource source)
    {
        source = new GatedSource(Pattern.Bytes(Length), (offset, _) => offset == 4 * Served.Page);
        return Served.StartAsync(Length, source, new Setup { Features = Served.AllEvents, KeepsCopy = true });
    }

    /// <returns>A touch of page 4, which was in hand.</returns>
    private static async Task<TargetJob> StopDuringAsync(Served served, GatedSource source, string? command = null, bool fork = false, bool wholePager = true)
    {
        using Userfaultfd other = await served.Target.HandOverAsync();
        await served.Target.CloseUserfaultfdAsync();
        await served.Target.TouchAsync(0);
        TargetJob touch = await served.Target.BeginTouchAsync(3, 4 * Served.Page);
        await source.ArrivedAsync();
        Task<int>? forked = fork ? served.Target.ForkAsync() : null;
        TargetJob? job = command is null ? null : await served.Target.BeginAsync(command);
        await Served.UntilEventIsUnreadAsync(other, new AddressRange(served.Region.Start, Served.Page));
        Task stopped = Served.DisposeInTimeAsync(wholePager ? served.Pager : served.Space);
        await Served.UntilAsync(() => served.Space.IsStopping, "the stop to be asked for");
        source.Open();
        await stopped;
        if (forked is not null)
        {
            await forked;
        }

        if (job is not null)
        {
            await job.JoinAsync();
        }

        return touch;
    }

    private static async Task AssertTheRestAsync(Served served, TargetJob touch)
    {
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigbus, result));
        Assert.Equal(Pattern.ByteAt(0), (await served.Target.TouchAsync(0)).Value);
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(2 * Served.Page));
        Assert.Equal(AddressSpaceEnd.Stopped, await served.EndAsync());
    }
}
