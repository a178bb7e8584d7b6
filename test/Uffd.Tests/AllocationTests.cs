namespace Uffd.Tests;

/// <summary>Reading faults and resolving them allocates nothing: a pager must not be what starts a collection.</summary>
public class AllocationTests
{
    private const int Faults = 10_000;

    public enum Resolving
    {
        Copy,
        CopyAll,
        ZeroPage,
        ZeroAndWakeApart,
    }

    [Theory]
    [InlineData(Resolving.Copy)]
    [InlineData(Resolving.CopyAll)]
    [InlineData(Resolving.ZeroPage)]
    [InlineData(Resolving.ZeroAndWakeApart)]
    public async Task Reading_and_resolving_allocates_nothing(Resolving resolving) => Assert.Equal(0, await Measure(resolving, spoil: false));

    [Fact]
    public async Task Measurement_sees_a_single_object() => Assert.NotEqual(0, await Measure(Resolving.ZeroPage, spoil: true));

    private static async Task<long> Measure(Resolving resolving, bool spoil)
    {
        using Arena arena = Arena.Create(Faults);
        arena.Mapping.Advise(MemoryAdvice.NoHugePage);
        using MemoryMapping source = MemoryMapping.CreateAnonymous(Arena.Page);
        Task<byte[]> touches = NativeTouch.ReadPagesAsync(arena.Range, Arena.Page, TimeSpan.FromSeconds(30));
        long allocated = await NativeTouch.Run(() => Serve(arena, source.Address, resolving, spoil), TimeSpan.FromSeconds(30));
        Assert.Equal(Faults, (await touches).Length);
        return allocated;
    }

    /// <summary>The loop of a pager, after some rounds that let the runtime compile it.</summary>
    private static long Serve(Arena arena, ulong source, Resolving resolving, bool spoil)
    {
        const int WarmUp = 200;
        using var poller = new EventPoller();
        poller.Add(arena.Userfaultfd.Handle, 1);
        Span<PollResult> ready = stackalloc PollResult[4];
        long before = 0;
        int served = 0;
        while (served < Faults)
        {
            if (before == 0 && served >= WarmUp)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
                if (spoil)
                {
                    GC.KeepAlive(new object());
                }
            }

            if (arena.Reader.Read() == 0)
            {
                poller.Wait(ready, TimeSpan.FromSeconds(10), spin: TimeSpan.FromMicroseconds(50));
                continue;
            }

            for (int index = 0; index < arena.Reader.Count; index++)
            {
                var page = new AddressRange(arena.Reader[index].PageFault.Address, Arena.Page);
                UffdResult result = Resolve(arena.Userfaultfd, page, source, resolving);
                if (result.Errno == Errno.EEXIST)
                {
                    arena.Userfaultfd.Wake(page); // told twice
                    continue;
                }

                result.ThrowIfIncomplete();
                served++;
            }
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static UffdResult Resolve(Userfaultfd userfaultfd, AddressRange page, ulong source, Resolving resolving)
    {
        switch (resolving)
        {
            case Resolving.Copy:
                return userfaultfd.Copy(page, source);
            case Resolving.CopyAll:
                return userfaultfd.CopyAll(page, source);
            case Resolving.ZeroPage:
                return userfaultfd.ZeroPage(page);
            default:
                UffdResult result = userfaultfd.ZeroPage(page, UffdZeroPageModes.DontWake);
                return result.IsComplete ? userfaultfd.Wake(page) : result;
        }
    }
}
