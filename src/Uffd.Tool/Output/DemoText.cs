using System.Globalization;
using Uffd.Daemon;
using Uffd.Daemon.Demo;

namespace Uffd.Tool.Output;

/// <summary>The demo's result in words: the rows of the table and the bars of the histogram, and both as plain text.</summary>
internal static class DemoText
{
    private const int BarWidth = 40;

    /// <summary>Name and value of each row.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(DemoResult found) =>
    [
        ("image", $"{Sizes.Format(found.Bytes)}, {Number(found.Pages)} pages"),
        ("first page, lazily", $"{Milliseconds(found.FirstAccessMs)}"),
        ("first page, all read first", $"{Milliseconds(found.EagerLoadMs)} ({found.EagerLoadMs / found.FirstAccessMs:0.#} times as long)"),
        ("all resident, lazily", $"{Milliseconds(found.AllResidentMs)}"),
        ("faults", $"{Number(found.Faults)} of {Number(found.Pages)} first touches; {Number(found.BackgroundPages)} pages came before them"),
        ("a fault took", $"p50 {Microseconds(found.FaultLatency.Percentile(0.5))}, p99 {Microseconds(found.FaultLatency.Percentile(0.99))}"),
        ("pages of zeros", $"{Number(found.ZeroPages)}, mapped and not copied"),
        ("verified", found.Verified ? $"every page, and SHA-256 {found.Sha256[..16]}... of the whole" : "NO: the memory differs from the image"),
    ];

    /// <summary>Range, bar length from 0 to 1, and count of each bar of the fault latencies.</summary>
    public static IReadOnlyList<(string Range, double Share, long Count)> Bars(DemoResult found)
    {
        IReadOnlyList<(double UpTo, long Count)> bars = found.FaultLatency.ToDoublings();
        long most = bars.Count == 0 ? 1 : bars.Max(bar => bar.Count);
        return [.. bars.Select(bar => ($"{Microseconds(bar.UpTo / 2)} - {Microseconds(bar.UpTo)}", (double)bar.Count / most, bar.Count))];
    }

    public static void Write(DemoResult found, TextWriter output)
    {
        foreach ((string name, string value) in Rows(found))
        {
            output.WriteLine($"{name,-26}  {value}");
        }

        output.WriteLine();
        output.WriteLine("fault latency");
        foreach ((string range, double share, long count) in Bars(found))
        {
            string bar = new('#', (int)Math.Ceiling(share * BarWidth));
            output.WriteLine($"{range,20}  {bar.PadRight(BarWidth)}  {Number(count)}");
        }
    }

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Milliseconds(double value) => value < 10
        ? string.Create(CultureInfo.InvariantCulture, $"{value:0.00} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{value:0} ms");

    private static string Microseconds(double nanoseconds) => nanoseconds < 999_500
        ? string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1000:0.0} us")
        : string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1_000_000:0.0} ms");
}
