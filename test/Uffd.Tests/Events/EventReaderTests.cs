namespace Uffd.Tests.Events;

public class EventReaderTests
{
    [Fact]
    public void Nothing_to_read_is_zero()
    {
        using Arena arena = Arena.Create(1);
        Assert.Equal(0, arena.Reader.Read());
        Assert.Equal(0, arena.Reader.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => arena.Reader[0]);
    }

    [Fact]
    public void Reader_needs_room_and_life()
    {
        using Arena arena = Arena.Create(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => new UffdEventReader(arena.Userfaultfd, 0));
        var reader = new UffdEventReader(arena.Userfaultfd, 1);
        reader.Dispose();
        reader.Dispose();
        Assert.Throws<ObjectDisposedException>(() => reader.Read());
    }

    [Theory]
    [InlineData(1, new[] { 1, 1, 1, 0 })]
    [InlineData(2, new[] { 2, 1, 0 })]
    [InlineData(8, new[] { 3, 0 })]
    public async Task Faults_come_in_batches(int capacity, int[] batches)
    {
        using Arena arena = Arena.Create(3);
        using var reader = new UffdEventReader(arena.Userfaultfd, capacity);
        Task<byte>[] touches = [.. Enumerable.Range(0, 3).Select(page => NativeTouch.ReadByteAsync(arena.PageAt(page).Start))];
        arena.WaitForPendingFaults(3);
        var addresses = new List<ulong>();
        foreach (int expected in batches)
        {
            Assert.Equal(expected, reader.Read());
            Assert.Equal(expected, reader.Count);
            for (int index = 0; index < reader.Count; index++)
            {
                addresses.Add(reader[index].PageFault.Address);
            }
        }

        Assert.Equal(Enumerable.Range(0, 3).Select(page => arena.PageAt(page).Start), addresses.Order());
        arena.Userfaultfd.ZeroPage(arena.Range).ThrowIfIncomplete();
        await Task.WhenAll(touches);
    }

    [Fact]
    public async Task Each_thread_announces_the_same_page_and_one_copy_wakes_all()
    {
        Requires.Features(UffdFeatures.ThreadId);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(Arena.Page);
        await target.CreateUserfaultfdAsync(UffdFeatures.ThreadId);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using Arena arena = Arena.Of(await target.HandOverAsync());
        TargetJob touch = await target.BeginTouchAsync(threads: 4, 123);
        arena.WaitForPendingFaults(4);
        Assert.Equal(4, arena.Reader.Read());
        PageFault[] faults = [.. Enumerable.Range(0, 4).Select(index => arena.Reader[index].PageFault)];
        Assert.All(faults, fault => Assert.Equal(region.Start, fault.Address));
        Assert.Equal(4, faults.Select(fault => fault.ThreadId).Distinct().Count());
        byte[] content = Content.Random(1);
        arena.Userfaultfd.Copy(region.Start, content).ThrowIfIncomplete();
        Assert.All(await touch.JoinTouchesAsync(), one => Assert.Equal(content[123], one.Value));
    }

    [Fact]
    public async Task Thread_that_handled_a_signal_announces_its_page_again()
    {
        (NativeTarget target, Arena arena, AddressRange region) = await Start(1, UffdFeatures.None);
        await using (target)
        using (arena)
        {
            TargetJob touch = await target.BeginAsync("touch 0");
            UffdEvent first = arena.ReadOne();
            await touch.InterruptAsync();
            Assert.Equal(first, arena.ReadOne());
            byte[] content = Content.Random(1);
            arena.Userfaultfd.Copy(region.Start, content).ThrowIfIncomplete();
            Assert.Equal(content[0], Assert.Single(await touch.JoinTouchesAsync()).Value);
        }
    }

    [Fact]
    public async Task Exact_addresses_and_writes_are_told()
    {
        using Arena arena = Arena.Create(1, features: UffdFeatures.ExactAddress | UffdFeatures.ThreadId);
        Task write = NativeTouch.WriteByteAsync(arena.Range.Start + 77, 1);
        PageFault fault = arena.ReadOne().PageFault;
        Assert.Equal(arena.Range.Start + 77, fault.Address);
        Assert.True(fault.IsWrite);
        Assert.NotEqual(0u, fault.ThreadId);
        arena.Userfaultfd.ZeroPage(arena.Range).ThrowIfIncomplete();
        await write;
    }

    [Fact]
    public async Task Removal_is_told_before_and_fills_wait_until_it_is_read()
    {
        using Arena arena = Arena.Create(4, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect, UffdFeatures.EventRemove | UffdFeatures.Poison | UffdFeatures.Move);
        using MemoryMapping source = MemoryMapping.CreateAnonymous(Arena.Page);
        arena.Userfaultfd.ZeroPage(arena.PageAt(0)).ThrowIfIncomplete();
        Task<bool> discard = Discard(arena.Mapping, arena.PageAt(1, 2));
        arena.WaitReadable();

        var again = new UffdResult(0, Errno.EAGAIN);
        Assert.True(again.ShouldRetry);
        Assert.Equal(again, arena.Userfaultfd.Copy(arena.PageAt(3).Start, Content.Random(1)));
        Assert.Equal(again, arena.Userfaultfd.ZeroPage(arena.PageAt(3)));
        Assert.Equal(again, arena.Userfaultfd.Poison(arena.PageAt(3)));
        Assert.Equal(again, arena.Userfaultfd.Continue(arena.PageAt(3)));
        Assert.Equal(again, arena.Userfaultfd.Move(arena.PageAt(3), source.Address));
        Assert.Equal(again, arena.Userfaultfd.WriteProtect(arena.PageAt(0), UffdWriteProtectModes.Protect));
        Assert.Equal(Errno.EAGAIN, arena.Userfaultfd.MoveOrCopy(arena.PageAt(3), source.Address).Errno);
        Assert.Equal(again, arena.Userfaultfd.CopyAll(arena.PageAt(3), source.Address));
        Assert.False(discard.IsCompleted);

        UffdEvent removal = arena.ReadOne();
        Assert.Equal(UffdEventKind.Remove, removal.Kind);
        Assert.Equal(arena.PageAt(1, 2), removal.Range);
        Assert.True(await discard);
        Assert.True(arena.Userfaultfd.ZeroPage(arena.PageAt(3)).IsComplete);
    }

    [Fact]
    public async Task Faults_are_read_before_older_events()
    {
        using Arena arena = Arena.Create(4, features: UffdFeatures.EventRemove);
        Task<bool> discard = Discard(arena.Mapping, arena.PageAt(0));
        arena.WaitReadable();
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.PageAt(2).Start);
        arena.WaitForPendingFaults(1);

        Assert.Equal(2, arena.Reader.Read());
        Assert.Equal([UffdEventKind.PageFault, UffdEventKind.Remove], [arena.Reader[0].Kind, arena.Reader[1].Kind]);
        await discard;
        arena.Userfaultfd.ZeroPage(arena.PageAt(2)).ThrowIfIncomplete();
        await touch;
    }

    [Fact]
    public async Task Fork_hands_over_the_childs_userfaultfd()
    {
        Requires.Root();
        (NativeTarget target, Arena arena, AddressRange region) = await Start(4, UffdFeatures.EventFork);
        await using (target)
        using (arena)
        {
            TargetJob fork = await target.BeginAsync("fork");
            UffdEvent forked = arena.ReadOne();
            Assert.Equal(UffdEventKind.Fork, forked.Kind);
            using Arena child = Arena.Of(forked.Forked);
            Assert.Same(forked.Forked, arena.Reader[0].Forked);
            Assert.NotEqual(arena.Userfaultfd.Handle.DangerousGetHandle(), child.Userfaultfd.Handle.DangerousGetHandle());
            Assert.Equal(arena.Userfaultfd.Features, child.Userfaultfd.Features);
            await fork.JoinAsync();

            // Each side's faults come to its own userfaultfd, and are filled apart.
            TargetJob ofChild = await target.Child.BeginTouchAsync(threads: 1, Arena.Page);
            Assert.Equal(region.Start + Arena.Page, child.ReadOne().PageFault.Address);
            Assert.Equal(0, arena.Reader.Read());
            byte[] content = Content.Random(4);
            child.Userfaultfd.Copy(region.Start, content).ThrowIfIncomplete();
            Assert.Equal(content[(int)Arena.Page], Assert.Single(await ofChild.JoinTouchesAsync()).Value);
            arena.Userfaultfd.ZeroPage(region).ThrowIfIncomplete();
            Assert.Equal(0, (await target.TouchAsync(Arena.Page)).Value);

            Assert.True(child.Userfaultfd.IsTargetAlive());
            await target.Child.RunAsync("exit");
            await target.RunAsync("waitchild");
            Assert.False(child.Userfaultfd.IsTargetAlive());
            Assert.True(arena.Userfaultfd.IsTargetAlive());
        }
    }

    [Fact]
    public async Task Move_of_the_mapping_is_told_and_keeps_the_registration()
    {
        (NativeTarget target, Arena arena, AddressRange region) = await Start(4, UffdFeatures.EventRemap);
        await using (target)
        using (arena)
        {
            TargetJob remap = await target.BeginAsync($"mremap 0 {region.Length}");
            UffdEvent moved = arena.ReadOne();
            Assert.Equal(UffdEventKind.Remap, moved.Kind);
            ulong place = TargetCommandsNumber(await remap.JoinAsync());
            Assert.Equal(region, moved.RemappedFrom);
            Assert.Equal(place, moved.RemappedTo);

            TargetJob touch = await target.BeginTouchAsync(threads: 1, 0);
            Assert.Equal(place, arena.ReadOne().PageFault.Address);
            arena.Userfaultfd.ZeroPage(new AddressRange(place, region.Length)).ThrowIfIncomplete();
            await touch.JoinAsync();
        }
    }

    [Fact]
    public async Task Move_of_the_mapping_drops_the_registration_where_it_is_not_told()
    {
        (NativeTarget target, Arena arena, AddressRange region) = await Start(1, UffdFeatures.None);
        await using (target)
        using (arena)
        {
            await target.RunAsync($"mremap 0 {region.Length}");
            Assert.Equal(0, (await target.TouchAsync(0)).Value);
            Assert.Equal(0, arena.Reader.Read());
        }
    }

    [Fact]
    public async Task Unmapping_is_told()
    {
        (NativeTarget target, Arena arena, AddressRange region) = await Start(4, UffdFeatures.EventUnmap);
        await using (target)
        using (arena)
        {
            TargetJob unmap = await target.BeginAsync($"munmap {Arena.Page} {2 * Arena.Page}");
            UffdEvent gone = arena.ReadOne();
            Assert.Equal(UffdEventKind.Unmap, gone.Kind);
            Assert.Equal(new AddressRange(region.Start + Arena.Page, 2 * Arena.Page), gone.Range);
            await unmap.JoinAsync();
            Assert.Equal(TouchResult.Sigsegv, await target.TouchAsync(Arena.Page));
            Assert.Equal(Errno.ENOENT, arena.Userfaultfd.ZeroPage(gone.Range).Errno);
        }
    }

    [Fact]
    public async Task Event_that_is_asked_for_what_it_is_not_throws()
    {
        using Arena arena = Arena.Create(1);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        UffdEvent fault = arena.ReadOne();
        Assert.Throws<InvalidOperationException>(() => fault.Range);
        Assert.Throws<InvalidOperationException>(() => fault.Forked);
        Assert.Throws<InvalidOperationException>(() => fault.RemappedFrom);
        Assert.Throws<InvalidOperationException>(() => fault.RemappedTo);
        Assert.Equal($"PageFault Missing read at {arena.Range.Start:x}", fault.ToString());
        arena.Userfaultfd.ZeroPage(arena.Range).ThrowIfIncomplete();
        await touch;
    }

    private static ulong TargetCommandsNumber(string text) => Convert.ToUInt64(text, 16);

    private static Task<bool> Discard(MemoryMapping mapping, AddressRange range) => NativeTouch.Run(() =>
    {
        mapping.Advise(MemoryAdvice.DontNeed, range);
        return true;
    });

    private static async Task<(NativeTarget Target, Arena Arena, AddressRange Region)> Start(ulong pages, UffdFeatures features)
    {
        Requires.Features(features);
        NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(pages * Arena.Page);
        await target.CreateUserfaultfdAsync(features);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        return (target, Arena.Of(await target.HandOverAsync()), region);
    }
}
