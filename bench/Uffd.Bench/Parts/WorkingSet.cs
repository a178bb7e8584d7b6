using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// An eighth of the image is touched once while it is recorded, and once more by a client that is given the recording: how
/// many of its faults are left. Counted by the pager itself (<c>counts.faults</c> of the line that tells its client's end).
/// </summary>
internal static class WorkingSet
{
    private const double Target = 0.03;
    private const int Share = 8;

    public static async Task MeasureAsync(Workbench bench, Placement placement)
    {
        if (bench.Options.SelfCheck)
        {
            bench.Note("the C handler records nothing: working sets are not measured with --self-check");
            return;
        }

        var pages = bench.Image.Size / BenchOptions.PageSize / Share;
        List<double>[] faults = [[], []];
        for (var round = 1; round <= bench.Options.LongRounds; round++)
        {
            Workbench.Say($"working set: round {round} of {bench.Options.LongRounds}");
            var trace = Path.Combine(bench.Directory, $"working-set-{round}");
            try
            {
                faults[0].Add(await CountFaultsAsync("--record", trace, round));
                faults[1].Add(await CountFaultsAsync("--replay", trace, round));
            }
            catch (BenchException e)
            {
                bench.NoteMissing($"working sets could not be measured: {e.Message}");
                return;
            }
        }

        bench.Add(new Figure(
            $"faults of a replayed working set, {pages * BenchOptions.PageSize >> 20} of {bench.Image.Size >> 20} MiB",
            placement.Name, "the recorded run", "faults", [.. faults[0]], [.. faults[1]], Target));

        async Task<double> CountFaultsAsync(string option, string trace, int order)
        {
            await using var pager = await bench.StartPagerAsync(placement, "--no-background", "--json", option, trace);
            await bench.TouchAsync(
                pager, placement, "sweep", pages * BenchOptions.PageSize, order, "--touches", $"{pages}");
            await pager.StopAsync(); // in good order: a recording is complete when its pager has ended
            var end = pager.Lines.FirstOrDefault(line => line.Contains("\"event\":\"gone\"", StringComparison.Ordinal))
                ?? throw new BenchException($"{pager.Name} did not tell its client's end");
            using var json = JsonDocument.Parse(end);
            return json.RootElement.GetProperty("counts").GetProperty("faults").GetDouble();
        }
    }
}
