using Uffd.Abi;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <content>Following a process that forks, moves and discards its memory.</content>
public sealed partial class Conformance
{
    /// <summary>The manager follows a child through a move and a removal; each missing page is one fault.</summary>
    [Theory]
    [Memory]
    public Task Events(MemoryKind memory) => FollowChild(memory, protect: false);

    /// <summary>The same with pages that come write-protected and are unprotected at their first write.</summary>
    [Theory]
    [Memory]
    public Task EventsWp(MemoryKind memory) => FollowChild(memory, protect: true);

    /// <summary>While a removal is unread every operation answers EAGAIN, in the call and in its field.</summary>
    [Theory]
    [Memory(MemoryKind.Shmem)]
    public async Task MmapChanging(MemoryKind memory)
    {
        const UffdFeatures Features = UffdFeatures.EventRemove | UffdFeatures.Poison | UffdFeatures.Move;
        using Area area = Area.Create(memory, UffdRegisterModes.Missing | UffdRegisterModes.Minor, Features);
        using MemoryMapping source = MoveSource(area.PageSize, MappingPages.Base);
        area.Userfaultfd.Copy(area.PageAt(0).Start, memory.Page(1)).ThrowIfIncomplete();
        Task<bool> remove = NativeTouch.Run(() =>
        {
            area.Mapping.Advise(MemoryAdvice.Remove, area.PageAt(0));
            return true;
        });
        area.WaitReadable();
        ulong page = area.PageAt(1).Start;
        var range = new uffdio_range { start = page, len = area.PageSize };
        (Errno Errno, long Field)[] answers =
        [
            RawOperation.Run(area.Userfaultfd, new uffdio_copy { dst = page, src = source.Address, len = area.PageSize }),
            RawOperation.Run(area.Userfaultfd, new uffdio_zeropage { range = range }),
            RawOperation.Run(area.Userfaultfd, new uffdio_move { dst = page, src = source.Address, len = area.PageSize }),
            RawOperation.Run(area.Userfaultfd, new uffdio_poison { range = range }),
            RawOperation.Run(area.Userfaultfd, new uffdio_continue { range = range }),
        ];
        Assert.All(answers, answer => Assert.Equal(Errno.EAGAIN, answer.Errno));
        if (Requires.IsLinux(6, 15))
        {
            Assert.All(answers, answer => Assert.Equal(-(long)Errno.EAGAIN, answer.Field));
        }
        else
        {
            // Before, the field could stay as the caller left it.
            Assert.All(answers, answer => Assert.Contains(answer.Field, new[] { 0, -(long)Errno.EAGAIN }));
        }

        Assert.Equal(UffdEventKind.Remove, area.ReadOne().Kind);
        Assert.True(await remove);
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(1)).IsComplete);
    }

    private static async Task FollowChild(MemoryKind memory, bool protect)
    {
        UffdRegisterModes modes = UffdRegisterModes.Missing | (protect ? UffdRegisterModes.WriteProtect : 0);
        const UffdFeatures Features = UffdFeatures.EventFork | UffdFeatures.EventRemap | UffdFeatures.EventRemove;
        MemoryAdvice discard = memory.Discard();
        await using TargetArea area = await TargetArea.StartAsync(memory, Features, modes);
        TargetJob fork = await area.Target.BeginAsync("fork");
        UffdEvent forked = area.Session.ReadOne();
        Assert.Equal(UffdEventKind.Fork, forked.Kind);
        using var child = new Follower(forked.Forked, area, protect);
        await fork.JoinAsync();

        // Every page is missing, and read once.
        TargetJob touch = await area.Target.Child.BeginTouchAsync(threads: 1, area.Offsets);
        TouchResult[] values = await child.ServeAsync(touch.JoinTouchesAsync());
        Assert.Equal(Enumerable.Range(0, area.Pages).Select(page => new TouchResult(MemoryKinds.Value(page), Signal: null)), values);
        Assert.Equal(area.Pages, child.Missing);

        // Every page is written once.
        TargetJob fill = await area.Target.Child.BeginAsync($"fill 0 {area.Range.Length} 77");
        await child.ServeAsync(fill.JoinAsync());
        Assert.Equal(protect ? area.Pages : 0, child.Protected);

        // It moves, and what is there stays. A hugetlb mapping is not moved there.
        if (!memory.IsHugetlb())
        {
            TargetJob move = await area.Target.Child.BeginAsync($"mremap 0 {area.Range.Length}");
            await child.ServeAsync(move.JoinAsync());
            Assert.Equal(area.Range, child.RemappedFrom);
            Assert.Equal(child.Start, (await area.Target.Child.GetRegionAsync()).Start);
            touch = await area.Target.Child.BeginTouchAsync(threads: 1, area.Offsets);
            Assert.All(await child.ServeAsync(touch.JoinTouchesAsync()), value => Assert.Equal(77, value.Value));
            Assert.Equal(area.Pages, child.Missing);
        }

        // It is discarded: the manager takes the range out before it reads on, and then it reads zeros.
        TargetJob remove = await area.Target.Child.BeginAsync($"madvise {(int)discard} 0 {area.Range.Length}");
        await child.ServeAsync(remove.JoinAsync());
        Assert.Equal(new AddressRange(child.Start, area.Range.Length), child.Removed);
        touch = await area.Target.Child.BeginTouchAsync(threads: 1, area.Offsets);
        Assert.All(await child.ServeAsync(touch.JoinTouchesAsync()), value => Assert.Equal(0, value.Value));
        Assert.Equal(area.Pages, child.Missing);
        area.Session.AssertSilent();
    }

    /// <summary>Serves a forked child as a manager does, and counts.</summary>
    private sealed class Follower(Userfaultfd userfaultfd, TargetArea area, bool protect) : Session(userfaultfd)
    {
        public ulong Start { get; private set; } = area.Range.Start;

        public int Missing { get; private set; }

        public int Protected { get; private set; }

        public AddressRange RemappedFrom { get; private set; }

        public AddressRange Removed { get; private set; }

        public Task<T> ServeAsync<T>(Task<T> work) => ServeAsync(work, Handle);

        private void Handle(UffdEvent message)
        {
            switch (message.Kind)
            {
                case UffdEventKind.PageFault when message.PageFault.Kind == PageFaultKind.Missing:
                    ulong address = message.PageFault.Address;
                    byte value = MemoryKinds.Value((int)((address - Start) / area.PageSize));
                    Userfaultfd.Copy(address, area.Kind.Page(value), protect ? UffdCopyModes.WriteProtect : UffdCopyModes.None).ThrowIfIncomplete();
                    Missing++;
                    break;
                case UffdEventKind.PageFault:
                    Assert.Equal((PageFaultKind.WriteProtect, true), (message.PageFault.Kind, message.PageFault.IsWrite));
                    var page = new AddressRange(message.PageFault.Address, area.PageSize);
                    Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
                    Protected++;
                    break;
                case UffdEventKind.Remap:
                    RemappedFrom = message.RemappedFrom;
                    Start = message.RemappedTo;
                    break;
                case UffdEventKind.Remove:
                    Removed = message.Range;
                    Userfaultfd.Unregister(message.Range).ThrowIfIncomplete();
                    break;
                default:
                    Assert.Fail($"{message}");
                    break;
            }
        }
    }
}
