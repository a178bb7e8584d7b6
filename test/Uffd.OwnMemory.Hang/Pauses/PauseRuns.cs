using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>How long collections take while threads wait for pages that come late: of paged memory, and of bare memory, which is the control.</summary>
internal static class PauseRuns
{
    private const int Threads = 4;
    private const int Tasks = 8;
    private const ulong Bytes = 1UL << 30; // no page twice
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(200);

    public static ExitCode Go(Arguments arguments) => arguments.What switch
    {
        "memory" => OfMemory(arguments.Time),
        "pointer" => OfPointer(arguments.Time, arguments.Handler ?? throw new FormatException("pauses pointer needs --handler")),
        _ => throw new FormatException("pauses what: memory or pointer?"),
    };

    private static ExitCode OfMemory(TimeSpan time)
    {
        var times = new PauseTimes();
        using var stop = new CancellationTokenSource();
        using PagedRegion region = PagedRegion.OpenReadOnly(new LateStore(Bytes, Delay), new PagedRegionOptions { MemoryLimit = 1 << 20, ReadAheadBytes = 0 });
        Task[] users =
        [
            .. Enumerable.Range(0, Threads).Select(index => Task.Factory.StartNew(() => Read(region.Memory, index, stop.Token), TaskCreationOptions.LongRunning)),
            .. Enumerable.Range(Threads, Tasks).Select(index => Task.Run(() => ReadAsync(region.Memory, index, stop.Token))),
        ];
        times.Collect(time);
        stop.Cancel();
        Task.WaitAll(users);
        long misses = region.GetStatistics().Misses;
        Console.WriteLine($"{times} misses={misses}");
        return misses > Threads + Tasks ? ExitCode.Right : ExitCode.Inconclusive;
    }

    private static ExitCode OfPointer(TimeSpan time, string handler)
    {
        var times = new PauseTimes();
        using var memory = new LateMemory(handler, Delay);
        using var stop = new CancellationTokenSource();
        Task user = Task.Factory.StartNew(() => memory.Touch(stop.Token), TaskCreationOptions.LongRunning);
        times.Collect(time);
        stop.Cancel();
        user.Wait();
        Console.WriteLine($"{times} misses={memory.Touches}");
        return memory.Touches > 0 ? ExitCode.Right : ExitCode.Inconclusive;
    }

    private static void Read(PagedMemory memory, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        while (!stop.IsCancellationRequested)
        {
            long at = random.NextInt64(memory.Length);
            Check(at, memory.Read<byte>(at));
        }
    }

    private static async Task ReadAsync(PagedMemory memory, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        while (!stop.IsCancellationRequested)
        {
            long at = random.NextInt64(memory.Length);
            Check(at, await memory.ReadAsync<byte>(at, CancellationToken.None));
        }
    }

    private static void Check(long at, byte value)
    {
        if (value != LateStore.ValueAt((ulong)at))
        {
            throw new InvalidDataException($"{value} was read at offset {at}, and {LateStore.ValueAt((ulong)at)} is there");
        }
    }
}
