using System.Runtime.InteropServices;

namespace Uffd.Tests.Operations;

public class MoveTests
{
    [Fact]
    public async Task Move_fills_wakes_and_empties_the_source()
    {
        using Arena arena = Arena.Create(2, features: UffdFeatures.Move);
        using MemoryMapping source = MakeSource(1, out byte[] content);
        Task<byte[]> touch = NativeTouch.ReadAsync(arena.PageAt(1).Start, content.Length);
        arena.ReadOne();
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.Move(arena.PageAt(1), source.Address));
        Assert.Equal(content, await touch);
        Assert.Equal(new byte[Arena.Page], source.AsSpan().ToArray()); // not registered: reads zeros
    }

    [Fact]
    public async Task Move_that_wakes_nobody_leaves_the_waiter_to_a_wake()
    {
        using Arena arena = Arena.Create(1, features: UffdFeatures.Move);
        using MemoryMapping source = MakeSource(1, out byte[] content);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        arena.ReadOne();
        Assert.True(arena.Userfaultfd.Move(arena.Range, source.Address, UffdMoveModes.DontWake).IsComplete);
        Assert.False(touch.IsCompleted);
        arena.Userfaultfd.Wake(arena.Range);
        Assert.Equal(content[0], await touch);
    }

    [Fact]
    public void Hole_in_the_source_is_refused_or_skipped()
    {
        using Arena arena = Arena.Create(3, features: UffdFeatures.Move);
        using MemoryMapping source = MakeSource(3, out byte[] content);
        source.Advise(MemoryAdvice.DontNeed, new AddressRange(source.Address + Arena.Page, Arena.Page));
        Assert.Equal(new UffdResult(Arena.Page, Errno.EAGAIN), arena.Userfaultfd.Move(arena.Range, source.Address));
        Assert.Equal(new UffdResult(0, Errno.ENOENT), arena.Userfaultfd.Move(arena.PageAt(1, 2), source.Address + Arena.Page));
        UffdResult skipped = arena.Userfaultfd.Move(arena.PageAt(1, 2), source.Address + Arena.Page, UffdMoveModes.AllowSourceHoles);
        Assert.Equal(new UffdResult(2 * Arena.Page, Errno.None), skipped);
        Assert.Equal(content.AsSpan(2 * (int)Arena.Page).ToArray(), arena.Mapping.AsSpan(2 * Arena.Page, (int)Arena.Page).ToArray()); // present
        Assert.True(arena.Userfaultfd.ZeroPage(arena.PageAt(1)).IsComplete); // still missing
    }

    [Fact]
    public void Destination_that_is_there_is_refused()
    {
        using Arena arena = Arena.Create(1, features: UffdFeatures.Move);
        using MemoryMapping source = MakeSource(1, out _);
        arena.Userfaultfd.ZeroPage(arena.Range).ThrowIfIncomplete();
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.Move(arena.Range, source.Address));
    }

    [Fact]
    public void Shared_memory_is_refused_although_it_is_offered()
    {
        using Arena arena = Arena.Create(0, features: UffdFeatures.Move, map: () => MemoryMapping.CreateMemfd("move", Arena.Page));
        using MemoryMapping source = MakeSource(1, out _);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), arena.Userfaultfd.Move(arena.Range, source.Address));
    }

    [Fact]
    public async Task Move_into_another_process_is_refused()
    {
        Requires.Features(UffdFeatures.Move);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(Arena.Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using Userfaultfd userfaultfd = await target.HandOverAsync();
        using MemoryMapping source = MakeSource(1, out _);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), userfaultfd.Move(region, source.Address));
        Assert.Equal(Errno.EINVAL, userfaultfd.MoveOrCopy(region, source.Address).Errno);
    }

    [Fact]
    public void Moving_or_copying_moves_where_it_can()
    {
        using Arena arena = Arena.Create(4, features: UffdFeatures.Move);
        using MemoryMapping source = MakeSource(4, out byte[] content);
        MoveOrCopyResult result = arena.Userfaultfd.MoveOrCopy(arena.Range, source.Address);
        Assert.Equal(new MoveOrCopyResult(4 * Arena.Page, 0, Errno.None), result);
        Assert.False(result.FellBack);
        Assert.Equal(content, arena.Mapping.AsSpan().ToArray()); // present
    }

    [Fact]
    public void Moving_or_copying_stops_at_a_page_that_is_there()
    {
        using Arena arena = Arena.Create(4, features: UffdFeatures.Move);
        using MemoryMapping source = MakeSource(4, out _);
        arena.Userfaultfd.ZeroPage(arena.PageAt(2)).ThrowIfIncomplete();
        MoveOrCopyResult result = arena.Userfaultfd.MoveOrCopy(arena.Range, source.Address);
        Assert.Equal(new MoveOrCopyResult(2 * Arena.Page, 0, Errno.EEXIST), result);
        Assert.Equal(2 * Arena.Page, result.Bytes);
    }

    internal static MemoryMapping MakeSource(int pages, out byte[] content)
    {
        MemoryMapping source = MemoryMapping.CreateAnonymous((ulong)pages * Arena.Page);
        source.Advise(MemoryAdvice.DontFork);
        source.Advise(MemoryAdvice.NoHugePage);
        content = Content.Random(pages);
        content.CopyTo(source.AsSpan()); // not registered
        return source;
    }
}

/// <summary>Moves after this process forked: alone, because it makes the pages of every other test non-exclusive.</summary>
[Collection(nameof(AloneCollection))]
public class MoveAfterForkTests
{
    [Fact]
    public void Pages_shared_by_a_fork_cannot_be_moved_and_are_copied()
    {
        using Arena arena = Arena.Create(8, features: UffdFeatures.Move);
        using MemoryMapping source = MoveTests.MakeSource(8, out byte[] content);
        source.Advise(MemoryAdvice.DoFork);
        Fork();

        // Written again: the pages 2 and 3 are this process's alone.
        source.AsSpan(2 * Arena.Page, 2 * (int)Arena.Page).Fill(3);
        content.AsSpan(2 * (int)Arena.Page, 2 * (int)Arena.Page).Fill(3);

        Assert.Equal(new UffdResult(0, Errno.EBUSY), arena.Userfaultfd.Move(arena.PageAt(0), source.Address));
        MoveOrCopyResult result = arena.Userfaultfd.MoveOrCopy(arena.Range, source.Address);
        Assert.Equal(new MoveOrCopyResult(2 * Arena.Page, 6 * Arena.Page, Errno.None), result);
        Assert.True(result.FellBack);
        Assert.Equal(content, arena.Mapping.AsSpan().ToArray()); // present
        Assert.Equal(content[0], source.AsSpan()[0]); // a copied page stays
    }

    [Fact]
    public void Pages_kept_from_a_fork_can_be_moved()
    {
        using Arena arena = Arena.Create(4, features: UffdFeatures.Move);
        using MemoryMapping source = MoveTests.MakeSource(4, out byte[] content);
        Fork();
        Assert.Equal(new UffdResult(4 * Arena.Page, Errno.None), arena.Userfaultfd.Move(arena.Range, source.Address));
        Assert.Equal(content, arena.Mapping.AsSpan().ToArray()); // present
    }

    [Fact]
    public async Task Copies_of_what_cannot_be_moved_wake_nobody_either_when_told_so()
    {
        using Arena arena = Arena.Create(1, features: UffdFeatures.Move);
        using MemoryMapping source = MoveTests.MakeSource(1, out byte[] content);
        source.Advise(MemoryAdvice.DoFork);
        Fork();
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        arena.ReadOne();
        Assert.True(arena.Userfaultfd.MoveOrCopy(arena.Range, source.Address, UffdMoveModes.DontWake).FellBack);
        Assert.False(touch.IsCompleted);
        arena.Userfaultfd.Wake(arena.Range);
        Assert.Equal(content[0], await touch);
    }

    private static unsafe void Fork()
    {
        nint library = NativeLibrary.Load(NativeCompiler.Build("forkself.so", ["forkself.c"], "-shared", "-fPIC"));
        var fork = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "fork_and_reap"); // as declared in forkself.c
        Assert.Equal(0, fork());
    }
}
