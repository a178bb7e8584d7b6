using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// One fault and the rate of faults, with nothing but demand paging on either side. The touches are random and only those
/// that had to wait for their page count, so that reading ahead can neither help nor hide.
/// </summary>
internal static class DemandFaults
{
    private const int RateThreads = 4;
    private const double MedianTarget = 1.05;
    private const double TailTarget = 1.2;

    public static async Task MeasureAsync(Workbench bench, Placement placement, bool promised)
    {
        await using var baseline = await bench.StartHandlerAsync(placement);
        await using var candidate = await bench.StartPagerAsync(placement, "--no-background");
        var turns = new Turns(baseline, candidate);

        // The pager's code is compiled again, in the background, once it has proved to be hot: faults of each kind,
        // the time to do it, and the same again. The C handler gets the same, to be fair.
        Workbench.Say($"{placement.Name}: warming up");
        for (var i = 0; i < 3; i++)
        {
            foreach (var server in turns.Servers)
            {
                await LatencyAsync(server, BenchOptions.WarmUpTouches, order: 1);
                await RateAsync(server, BenchOptions.WarmUpTouches, order: 1);
            }

            await bench.RestAsync();
        }

        List<JsonElement>[] latency = [[], []];
        List<JsonElement>[] rate = [[], []];
        for (var round = 1; round <= bench.Options.Rounds; round++)
        {
            Workbench.Say($"{placement.Name}: round {round} of {bench.Options.Rounds}");
            await turns.TakeAsync(round, async (side, server) => latency[side].Add(await LatencyAsync(server, bench.Options.Touches, round)));
            await turns.TakeAsync(round, async (side, server) => rate[side].Add(await RateAsync(server, bench.Options.RateTouches, round)));
        }

        Add("one 4 KiB fault, p50", "p50", 1e-3, "us", latency, promised ? MedianTarget : null);
        Add("one 4 KiB fault, p99", "p99", 1e-3, "us", latency, promised ? TailTarget : null);
        Add($"faults a second, {RateThreads} threads", "perSecond", 1e-3, "k/s", rate, null);
        turns.NoteBusyIdlers(placement, bench);
        NoteUnwaited();

        Task<JsonElement> LatencyAsync(ServerProcess server, int touches, int order) => bench.TouchAsync(
            server, placement, "latency", 2L * touches * BenchOptions.PageSize, order,
            "--touches", $"{touches}", "--skip", $"{BenchOptions.Skip}");

        // The rate's pages can be all there are: its first meeting with the server is too short to matter.
        Task<JsonElement> RateAsync(ServerProcess server, int touches, int order) => bench.TouchAsync(
            server, placement, "rate", 2L * touches * BenchOptions.PageSize, order,
            "--touches", $"{touches}", "--threads", $"{RateThreads}");

        void Add(string work, string property, double scale, string unit, List<JsonElement>[] sides, double? target) =>
            bench.Add(new Figure(
                work, placement.Name, "C handler", unit, Workbench.Numbers(sides[0], property, scale),
                Workbench.Numbers(sides[1], property, scale), target));

        // A rate counts touches: if pages came before they were touched it is not a rate of faults.
        void NoteUnwaited()
        {
            var share = rate[1].Average(run => run.GetProperty("waited").GetDouble() / run.GetProperty("touches").GetDouble());
            if (share < 0.99)
            {
                bench.Note($"{placement.Name}: {share:P0} of the touches that the pager's rate counts had to wait for their page");
            }
        }
    }
}
