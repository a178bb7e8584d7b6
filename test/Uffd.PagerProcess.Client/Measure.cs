using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.PagerProcess.Client;

/// <summary>What touches cost: of missing pages at random, of clean ones that are written, of all in order.</summary>
internal static unsafe class Measure
{
    public static int Run(string store, long limit)
    {
        long started = Stopwatch.GetTimestamp();
        using RawPagedRegion region = Regions.Start(store, limit);
        Console.WriteLine($"start              {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms");
        byte* memory = (byte*)region.Pointer;
        int pages = (int)(region.Length / 4096);
        int[] order = [.. Enumerable.Range(0, pages)];
        new Random(1).Shuffle(order);
        int count = Math.Min(pages / 2, (int)(limit / 4096 / 2));
        ulong sum = 0;
        Tell("missing page, read ", Time(order[..count], page => sum += memory[(long)page * 4096]));
        Tell("clean page, written", Time(order[..count], page => memory[(long)page * 4096] = 1));
        Tell("missing, written   ", Time(order[count..(count + (count / 2))], page => memory[(long)page * 4096] = 1));
        started = Stopwatch.GetTimestamp();
        for (long page = 0; page < pages; page++)
        {
            sum += memory[page * 4096];
        }

        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine($"all in order        {region.Length / seconds / 1e6:F0} MB/s");
        started = Stopwatch.GetTimestamp();
        region.Flush();
        Console.WriteLine($"flush               {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms");
        return sum == 0 ? 1 : 0;
    }

    private static double[] Time(int[] pages, Action<int> touch)
    {
        double[] times = new double[pages.Length];
        for (int index = 0; index < pages.Length; index++)
        {
            long before = Stopwatch.GetTimestamp();
            touch(pages[index]);
            times[index] = Stopwatch.GetElapsedTime(before).TotalMicroseconds;
        }

        Array.Sort(times);
        return times;
    }

    private static void Tell(string what, double[] times)
        => Console.WriteLine($"{what} p50 {times[times.Length / 2]:F1} us, p99 {times[times.Length * 99 / 100]:F1} us, of {times.Length}");
}
