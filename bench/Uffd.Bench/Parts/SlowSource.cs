using System.Globalization;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// A source that answers each read after 2 ms, and 64 threads that touch all pages in random order: whether faults that wait
/// for a source wait side by side. See parallel.c for what the best possible is.
/// </summary>
internal static class SlowSource
{
    private const double Target = 1.2;
    private const int Threads = 64;
    private const double DelayMilliseconds = 2;

    // A page's cost does not depend on how many there are: enough for some hundred reads of each thread.
    private const long MostBytes = 64L << 20;
    private const long QuickBytes = 4L << 20;

    public static async Task MeasureAsync(Workbench bench, Placement placement)
    {
        if (bench.Options is { SelfCheck: true } or { Pager: not null })
        {
            bench.Note("the slow source is the benchmark's own pager: not measured with --self-check or --pager");
            return;
        }

        var bytes = Math.Min(bench.Options.Quick ? QuickBytes : MostBytes, bench.Image.Size);
        var delay = DelayMilliseconds.ToString(CultureInfo.InvariantCulture);
        await using var demand = await StartAsync("--no-background");
        await using var fill = await StartAsync("--background");
        Workbench.Say("slow source: warming up");
        await ParallelAsync(1);
        await SweepAsync(demand, 1);
        await SweepAsync(fill, 1);
        await bench.RestAsync();

        List<JsonElement> best = [];
        List<JsonElement> demands = [];
        List<JsonElement> fills = [];
        for (var round = 1; round <= bench.Options.LongRounds; round++)
        {
            Workbench.Say($"slow source: round {round} of {bench.Options.LongRounds}");
            best.Add(await ParallelAsync(round));
            demands.Add(await SweepAsync(demand, round));
            fills.Add(await SweepAsync(fill, round));
        }

        var work = $"{bytes >> 20} MiB, source of {delay} ms, {Threads} threads";
        Add(work, demands);
        Add($"{work}, background fill", fills);

        void Add(string name, List<JsonElement> sweeps) => bench.Add(new Figure(
            name, placement.Name, $"{Threads} sleeping copiers", "ms",
            Workbench.Numbers(best, "seconds", 1e3), Workbench.Numbers(sweeps, "seconds", 1e3), Target));

        Task<ServerProcess> StartAsync(string background) => bench.StartAsync(
            "the pager with a slow source", SlowServer.ProgramPath, placement, background,
            "--delay-ms", delay, "--concurrency", $"{Threads}");

        // The image's size is the server's; the client maps and touches only so much of it.
        Task<JsonElement> SweepAsync(ServerProcess candidate, int order) => bench.TouchAsync(
            candidate, placement, "sweep", bytes, order, "--size", $"{bytes}", "--threads", $"{Threads}");

        Task<JsonElement> ParallelAsync(int order) => bench.MeasureAsync(
            bench.Baselines.Parallel, placement.ToucherCpu, "--image", bench.Image.Path, "--size", $"{bytes}",
            "--threads", $"{Threads}", "--delay-us", $"{DelayMilliseconds * 1000}", "--order", $"{order}", "--warm", $"{bytes}");
    }
}
