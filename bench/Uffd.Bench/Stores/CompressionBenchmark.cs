using System.Diagnostics;
using System.Globalization;
using System.Text;
using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>What a page costs in a <see cref="CompressedMemoryPageStore"/>, one thread, one page at a time, beside a plain copy of as many. See docs/compressed-store.md.</summary>
internal static class CompressionBenchmark
{
    private const int PageBytes = (int)BenchOptions.PageSize;
    private const int Pages = 4096; // 16 MiB: no cache has them, nor what became of them
    private const int Rounds = 7;

    private static readonly (CompressionAlgorithm Algorithm, int Level)[] Ways =
    [
        (CompressionAlgorithm.Lz4, 0),
        (CompressionAlgorithm.Lz4, -8),
        (CompressionAlgorithm.Lz4, 4),
        (CompressionAlgorithm.Lz4, 9),
        (CompressionAlgorithm.Zstd, -5),
        (CompressionAlgorithm.Zstd, -1),
        (CompressionAlgorithm.Zstd, 1),
        (CompressionAlgorithm.Zstd, 3),
        (CompressionAlgorithm.Zstd, 9),
    ];

    /// <summary>Measures all, and prints a table.</summary>
    public static int Run()
    {
        var report = new StringBuilder();
        foreach (var (name, fill) in SamplePages.Kinds)
        {
            var content = new byte[Pages * PageBytes];
            fill(content, new Random(1));
            report.AppendLine(CultureInfo.InvariantCulture, $"{name,-8}  level   write p50     read p50     p99  of memory");
            report.AppendLine(Row("copy", "", MeasureCopy(content), null));
            foreach (var (algorithm, level) in Ways)
            {
                using var store = new CompressedMemoryPageStore((ulong)content.Length, new CompressedMemoryPageStoreOptions { Algorithm = algorithm, Level = level });
                var times = Measure(content, store.Write, store.Read);
                report.AppendLine(Row(algorithm.ToString(), level.ToString(CultureInfo.InvariantCulture), times, store.GetStatistics()));
            }
        }

        Console.Write(report);
        return 0;
    }

    private delegate void WritePage(ulong offset, ReadOnlySpan<byte> page);

    private delegate void ReadPage(ulong offset, Span<byte> page);

    private static Times MeasureCopy(byte[] content)
    {
        var copy = new byte[content.Length];
        return Measure(
            content,
            (offset, page) => page.CopyTo(copy.AsSpan((int)offset)),
            (offset, page) => copy.AsSpan((int)offset, page.Length).CopyTo(page));
    }

    /// <summary>Each page by itself, in an order that no cache foresees; of each page the best time, for others work here too.</summary>
    private static Times Measure(byte[] content, WritePage write, ReadPage read)
    {
        var order = Enumerable.Range(0, Pages).ToArray();
        new Random(2).Shuffle(order);
        var writes = new long[Pages];
        var reads = new long[Pages];
        Array.Fill(writes, long.MaxValue);
        Array.Fill(reads, long.MaxValue);
        var page = new byte[PageBytes];
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var index in order)
            {
                var bytes = content.AsSpan(index * PageBytes, PageBytes);
                var start = Stopwatch.GetTimestamp();
                write((ulong)(index * PageBytes), bytes);
                writes[index] = Math.Min(writes[index], Stopwatch.GetTimestamp() - start);
            }

            foreach (var index in order)
            {
                var start = Stopwatch.GetTimestamp();
                read((ulong)(index * PageBytes), page);
                reads[index] = Math.Min(reads[index], Stopwatch.GetTimestamp() - start);
                if (!page.AsSpan().SequenceEqual(content.AsSpan(index * PageBytes, PageBytes)))
                {
                    throw new BenchException($"page {index} is not what was written");
                }
            }
        }

        Array.Sort(writes);
        Array.Sort(reads);
        return new Times(Microseconds(writes[Pages / 2]), Microseconds(reads[Pages / 2]), Microseconds(reads[Pages * 99 / 100]));
    }

    private static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;

    private static string Row(string way, string level, Times times, CompressedMemoryPageStoreStatistics? held)
        => string.Create(
            CultureInfo.InvariantCulture,
            $"  {way,-6}  {level,5}  {times.Write,7:0.00} us  {times.Read,8:0.00} us {times.SlowRead,4:0.0} us  {(held is null ? "" : (held.BytesHeld / (double)(Pages * PageBytes)).ToString("0.000", CultureInfo.InvariantCulture))}");

    private sealed record Times(double Write, double Read, double SlowRead);
}
