using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>
/// What a miss costs that is served from compressed pages in memory, in nanoseconds: to find room, to unpack, to put the page in.
/// Every page is touched once, in random order, so that about one in ten, what the limit holds, is there before.
/// </summary>
internal static class CompressedChild
{
    private const int Times = 10;
    private const int WordBytes = 8;
    private const int Words = 128;

    public static JsonObject Run(ChildOptions options)
    {
        var length = Times * options.Limit;
        using var store = new CompressedMemoryPageStore(length);
        using var region = PagedRegion.Create(store, new PagedRegionOptions { MemoryLimit = options.Limit, OwnsStore = false, OnDispose = RegionDisposal.Discard });
        var memory = region.Memory;
        var pageSize = Environment.SystemPageSize;
        var pages = (int)(length / (ulong)pageSize);
        Fill(memory, pages, pageSize);
        region.Flush();

        // The first pass compiles, and has the store and the region as they are in the long run.
        var random = new Random(1);
        Touch(memory, Shuffled(pages, random), pageSize);
        var order = Shuffled(pages, random);
        var misses = region.GetStatistics().Misses;
        var start = Stopwatch.GetTimestamp();
        var times = Touch(memory, order, pageSize);
        var mean = Stopwatch.GetElapsedTime(start).TotalNanoseconds / pages;
        misses = region.GetStatistics().Misses - misses;
        if (misses < pages * 8L / Times)
        {
            throw new BenchException($"only {misses} of {pages} touches missed: the pages were not taken out");
        }

        Array.Sort(times);
        var held = store.GetStatistics();
        return new JsonObject
        {
            ["p50"] = Nanoseconds(times[times.Length - 1 - (int)(misses / 2)]),
            ["mean"] = mean * pages / misses,
            ["misses"] = misses,
            ["pages"] = pages,
            ["facts"] = string.Create(
                CultureInfo.InvariantCulture,
                $"{held.CompressedPages} pages of {held.BytesStored >> 20} MiB are held in {held.BytesHeld >> 20} MiB, {held.Ratio:0.0} to 1"),
        };
    }

    /// <summary>Text: words that come again and again, and a number that does not. The first eight bytes are the page's own.</summary>
    private static void Fill(PagedMemory memory, int pages, int pageSize)
    {
        var random = new Random(2);
        var vocabulary = new byte[Words * WordBytes];
        for (var i = 0; i < vocabulary.Length; i++)
        {
            vocabulary[i] = (byte)(i % WordBytes == 0 ? ' ' : 'a' + random.Next(26));
        }

        var bytes = new byte[pageSize];
        for (var page = 0; page < pages; page++)
        {
            for (var at = 0; at < pageSize; at += WordBytes)
            {
                // Few words are frequent and many are rare, as in a text.
                var word = (int)(Words * Math.Pow(random.NextDouble(), 2));
                vocabulary.AsSpan(word * WordBytes, WordBytes).CopyTo(bytes.AsSpan(at));
            }

            MemoryMarshal.Write(bytes, Expected(page));
            memory.CopyFrom((long)page * pageSize, bytes);
        }
    }

    private static long[] Touch(PagedMemory memory, int[] order, int pageSize)
    {
        var times = new long[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var value = memory.Read<ulong>((long)order[i] * pageSize);
            times[i] = Stopwatch.GetTimestamp() - start;
            if (value != Expected(order[i]))
            {
                throw new BenchException($"page {order[i]} has another's content");
            }
        }

        return times;
    }

    private static ulong Expected(int page) => Record.Mix((ulong)page);

    private static int[] Shuffled(int count, Random random)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        random.Shuffle(order);
        return order;
    }

    private static double Nanoseconds(long ticks) => ticks * 1e9 / Stopwatch.Frequency;
}
