using Uffd.Abi;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>Which pages can be moved, and what a move that cannot be done answers.</summary>
public sealed class Moves
{
    [Fact]
    public void Page_that_was_there_at_a_fork_is_busy_until_it_is_written_again_even_when_the_child_is_gone()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.Move);
        using MemoryMapping source = Source(area.Range.Length);
        source.Advise(MemoryAdvice.DoFork);
        SystemCalls.ForkSelf();
        Assert.Equal((Errno.EBUSY, -(long)Errno.EBUSY), Move(area, 0, 1, source.Address));
        source.AsSpan(0, 1)[0] = 2; // the child has ended: the page becomes this process's alone
        Assert.Equal((Errno.None, (long)area.PageSize), Move(area, 0, 1, source.Address));
    }

    [Fact]
    public void Page_that_is_kept_from_the_fork_can_be_moved()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.Move);
        using MemoryMapping source = Source(area.Range.Length);
        SystemCalls.ForkSelf();
        Assert.True(area.Userfaultfd.Move(area.Range, source.Address).IsComplete);
    }

    [Fact]
    public void Hole_is_ENOENT_or_skipped_and_a_page_that_is_there_EEXIST()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.Move);
        using MemoryMapping source = Source(area.Range.Length);
        source.Advise(MemoryAdvice.DontNeed, new AddressRange(source.Address + area.PageSize, area.PageSize));
        Assert.Equal((Errno.EAGAIN, (long)area.PageSize), Move(area, 0, 4, source.Address));
        Assert.Equal((Errno.ENOENT, -(long)Errno.ENOENT), Move(area, 1, 1, source.Address + area.PageSize));
        Assert.Equal(new UffdResult(2 * area.PageSize, Errno.None), area.Userfaultfd.Move(area.PageAt(1, 2), source.Address + area.PageSize, UffdMoveModes.AllowSourceHoles));
        Assert.Equal((Errno.EEXIST, -(long)Errno.EEXIST), Move(area, 2, 1, source.Address + (3 * area.PageSize)));
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(1)).IsComplete); // skipped: still missing
    }

    [Fact]
    public async Task Another_process_cannot_move()
    {
        Requires.Features(UffdFeatures.Move);
        await using TargetArea area = await TargetArea.StartAsync(MemoryKind.Anonymous, modes: UffdRegisterModes.Missing);
        using MemoryMapping source = Source(area.PageSize);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), area.Userfaultfd.Move(area.PageAt(0), source.Address));
    }

    /// <summary>The operation is offered on shared memory too, and refused.</summary>
    [Theory]
    [Memory(MemoryKind.Shmem, MemoryKind.ShmemPrivate)]
    public void Memory_of_a_file_cannot_be_moved_to(MemoryKind memory)
    {
        using Area area = Area.Create(memory, features: UffdFeatures.Move);
        using MemoryMapping source = Source(area.PageSize);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), area.Userfaultfd.Move(area.PageAt(0), source.Address));
    }

    [Theory]
    [Memory(MemoryKind.Hugetlb, MemoryKind.HugetlbPrivate)]
    public void Huge_pages_cannot_be_moved(MemoryKind memory)
    {
        Requires.Features(UffdFeatures.Move);
        using Area area = Area.Create(memory, UffdRegisterModes.None);
        UffdIoctls offered = area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing);
        Assert.Equal(UffdIoctls.None, offered & (UffdIoctls.Move | UffdIoctls.ZeroPage));
        using MemoryMapping source = Source(area.PageSize);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), area.Userfaultfd.Move(area.PageAt(0), source.Address));
    }

    [Fact]
    public void Source_must_be_private_writable_memory_like_the_destination()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.Move);
        var refused = new UffdResult(0, Errno.EINVAL);
        using MemoryMapping shared = MemoryMapping.CreateMemfd("source", area.PageSize);
        shared.AsSpan().Fill(1);
        Assert.Equal(refused, area.Userfaultfd.Move(area.PageAt(0), shared.Address));
        using MemoryMapping source = Source(area.PageSize);
        source.Protect(MappingAccess.Read);
        Assert.Equal(refused, area.Userfaultfd.Move(area.PageAt(0), source.Address));
        source.Protect(MappingAccess.ReadWrite);
        SystemCalls.Lock(source.Range);
        Assert.Equal(refused, area.Userfaultfd.Move(area.PageAt(0), source.Address));
    }

    [Fact]
    public void Destination_must_be_registered_here()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.Move);
        using MemoryMapping source = Source(2 * area.PageSize);
        using MemoryMapping elsewhere = MemoryMapping.CreateAnonymous(area.PageSize);
        Errno errno = area.Userfaultfd.Move(elsewhere.Range, source.Address).Errno;
        Assert.Contains(errno, new[] { Errno.ENOENT, Errno.EINVAL });
        using Userfaultfd other = Userfaultfd.Create();
        Assert.False(other.Move(area.PageAt(0), source.Address).IsComplete);
    }

    private static MemoryMapping Source(ulong length)
    {
        MemoryMapping source = Area.Map(MemoryKind.Anonymous, length, MappingPages.Base);
        source.Advise(MemoryAdvice.DontFork);
        source.AsSpan().Fill(1); // not registered
        return source;
    }

    private static (Errno Errno, long Field) Move(Area area, int page, int count, ulong source)
        => RawOperation.Run(area.Userfaultfd, new uffdio_move { dst = area.PageAt(page).Start, src = source, len = (ulong)count * area.PageSize });
}
