namespace Uffd.Paging.Tests.Events;

/// <summary>Content follows its memory to where the process moves it.</summary>
public class RemapTests
{
    private const ulong Run = BackgroundFill.RunBytes;
    private const UffdFeatures Events = UffdFeatures.EventUnmap | UffdFeatures.EventRemap | UffdFeatures.EventRemove;

    private static readonly Setup Following = new() { Features = Events };

    [Theory]
    [InlineData(TargetMemory.Anonymous, true)]
    [InlineData(TargetMemory.Anonymous, false)]
    [InlineData(TargetMemory.Shmem, true)]
    public async Task Moved_memory_brings_its_content(TargetMemory memory, bool background)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(64 * Served.Page));
        await using Served served = await Served.StartAsync(64 * Served.Page, source, Following with { Memory = memory });
        await served.HashAsync(0, 10 * Served.Page);
        ulong to = await served.RemapAsync(served.Region.Start, 64 * Served.Page, 64 * Served.Page, await served.PlaceAsync(64 * Served.Page));
        Assert.NotEqual(served.Region.Start, to);
        if (background)
        {
            served.Space.StartBackgroundFill();
            await served.ResidentAsync();
        }

        Assert.Equal(Pattern.Hash(64 * Served.Page), await served.HashAsync(0, 64 * Served.Page, to));
        Assert.Equal(TouchResult.Sigsegv, await served.TouchAtAsync(served.Region.Start));
        await served.ResidentAsync();
        Assert.Equal(64, served.Statistics.FilledPages);
        Assert.Equal(0, served.Statistics.PendingPages);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Halves_may_change_places(bool background)
    {
        ulong half = 32 * Served.Page;
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(2 * half));
        await using Served served = await Served.StartAsync(2 * half, source, Following);
        ulong first = served.Region.Start;
        ulong second = first + half;
        await served.Target.TouchAsync(3 * Served.Page);
        await served.Target.TouchAsync(half + (7 * Served.Page));
        ulong place = await served.PlaceAsync(half);
        await served.RemapAsync(first, half, half, place);
        await served.RemapAsync(second, half, half, first);
        await served.RemapAsync(place, half, half, second);
        if (background)
        {
            served.Space.StartBackgroundFill();
            await served.ResidentAsync();
        }

        Assert.Equal(Pattern.Hash(half, offset: half), await served.HashAsync(0, half, first));
        Assert.Equal(Pattern.Hash(half), await served.HashAsync(0, half, second));
        Assert.Equal(0, served.Statistics.PendingPages);
        await served.StopAsync();
        Assert.Equal(0, served.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Away_and_back_again_in_pieces()
    {
        ulong length = 64 * Served.Page;
        int seed = Environment.TickCount;
        var random = new Random(seed);
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(length));
        await using Served served = await Served.StartAsync(length, source, Following);
        for (int round = 0; round < 12; round++)
        {
            ulong bytes = 8 * Served.Page; // a block: a mapping of its own once it has been away, and mremap takes one at a time
            ulong from = served.Region.Start + ((ulong)random.Next(8) * bytes);
            ulong place = await served.PlaceAsync(bytes);
            await served.RemapAsync(from, bytes, bytes, place);
            await served.TouchAtAsync(place + ((ulong)random.Next((int)(bytes / Served.Page)) * Served.Page));
            await served.RemapAsync(place, bytes, bytes, from);
        }

        Assert.True(Pattern.Hash(length) == await served.HashAsync(0, length), $"wrong bytes with seed {seed}");
        Assert.Equal(0, served.Statistics.OutsideFaults);
    }

    [Fact]
    public async Task Pages_in_the_backgrounds_hand_arrive_where_their_memory_is_then()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, Following with { Options = new AddressSpaceOptions() });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 2, 6 * Served.Page);
        await served.UntilFaultsAsync(2);
        ulong from = served.Region.Start + (4 * Served.Page);
        ulong to = await served.RemapAsync(from, 8 * Served.Page, 8 * Served.Page, await served.PlaceAsync(8 * Served.Page));
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigsegv, result));
        source.Open();
        await served.ResidentAsync();
        Assert.Equal(Pattern.Hash(8 * Served.Page, offset: 4 * Served.Page), await served.HashAsync(0, 8 * Served.Page, to));
        Assert.Equal(Pattern.Hash(4 * Served.Page), await served.HashAsync(0, 4 * Served.Page));
        Assert.Equal(Pattern.Hash(Run - (12 * Served.Page), offset: 12 * Served.Page), await served.HashAsync(12 * Served.Page, Run - (12 * Served.Page)));
        Assert.Equal(1, source.Reads);
    }

    [Fact]
    public async Task Shrunk_memory_has_its_beginning()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(16 * Served.Page));
        await using Served served = await Served.StartAsync(16 * Served.Page, source, Following);
        await served.RemapAsync(served.Region.Start, 16 * Served.Page, 6 * Served.Page);
        Assert.Equal(Pattern.Hash(6 * Served.Page), await served.HashAsync(0, 6 * Served.Page));
        Assert.Equal(TouchResult.Sigsegv, await served.Target.TouchAsync(6 * Served.Page));
        await served.ResidentAsync();
    }

    [Fact]
    public async Task Shrunk_and_moved_memory_has_its_beginning()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(16 * Served.Page));
        await using Served served = await Served.StartAsync(16 * Served.Page, source, Following);
        ulong to = await served.RemapAsync(served.Region.Start, 16 * Served.Page, 6 * Served.Page, await served.PlaceAsync(6 * Served.Page));
        Assert.Equal(Pattern.Hash(6 * Served.Page), await served.HashAsync(0, 6 * Served.Page, to));
        Assert.Equal(TouchResult.Sigsegv, await served.TouchAtAsync(served.Region.Start));
        await served.ResidentAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Grown_memory_is_zeros_behind_its_content(bool moves)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(64 * Served.Page));
        await using Served served = await Served.StartAsync(64 * Served.Page, source, Following with { Told = 16 * Served.Page, Prepare = Shrink });
        ulong to = await served.RemapAsync(
            served.Region.Start,
            16 * Served.Page,
            24 * Served.Page,
            moves ? await served.PlaceAsync(24 * Served.Page) : null);
        Assert.Equal(Pattern.Hash(16 * Served.Page), await served.HashAsync(0, 16 * Served.Page, to));
        Assert.Equal(Pattern.HashOfZeros(8 * Served.Page), await served.HashAsync(16 * Served.Page, 8 * Served.Page, to));
        Assert.Equal(8, served.Statistics.OutsideFaults);
        Assert.Equal(0, served.Statistics.PoisonedPages);
        Assert.Empty(served.Notices);

        // Room to grow into: 16 pages of the 64 are mapped.
        static Task Shrink(NativeTarget target) => target.RunAsync($"munmap {16 * Served.Page} {48 * Served.Page}");
    }

    [Fact]
    public async Task Fault_that_waits_while_its_memory_moves_is_told()
    {
        // The loop itself has the page in hand: the move is unread until the source answers.
        using var source = new GatedSource(Pattern.Bytes(8 * Served.Page), (offset, _) => offset == 4 * Served.Page);
        await using Served served = await Served.StartAsync(8 * Served.Page, source, Following with { KeepsCopy = true });
        using Userfaultfd other = await served.Target.HandOverAsync();
        await served.Target.TouchAsync(0);
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, 4 * Served.Page);
        await source.ArrivedAsync();
        ulong place = await served.PlaceAsync(4 * Served.Page);
        TargetJob move = await served.Target.BeginAsync(
            $"remap {served.Region.Start + (4 * Served.Page)} {4 * Served.Page} {4 * Served.Page} {place}");
        await Served.UntilEventIsUnreadAsync(other, new AddressRange(served.Region.Start, Served.Page));
        source.Open();
        await move.JoinAsync();
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigsegv, result));
        Assert.Equal(Pattern.Hash(4 * Served.Page, offset: 4 * Served.Page), await served.HashAsync(0, 4 * Served.Page, place));
    }
}
