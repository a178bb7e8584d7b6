using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// One thread reads all of the image from its first page to its last, and nothing is brought but for its faults: what reading
/// ahead saves. Beside the C handler, which brings one page a fault.
/// </summary>
internal static class InOrder
{
    private const double Target = 0.25;

    public static async Task MeasureAsync(Workbench bench, Placement[] placements)
    {
        foreach (var placement in placements)
        {
            await using var baseline = await bench.StartHandlerAsync(placement);
            await using var candidate = await bench.StartPagerAsync(placement, "--no-background");
            var turns = new Turns(baseline, candidate);
            Workbench.Say($"in order, {placement.Name}: warming up");
            for (var i = 0; i < 2; i++)
            {
                await SweepAsync(candidate);
                await bench.RestAsync();
            }

            await SweepAsync(baseline);
            List<JsonElement>[] sweeps = [[], []];
            for (var round = 1; round <= bench.Options.LongRounds; round++)
            {
                Workbench.Say($"in order, {placement.Name}: round {round} of {bench.Options.LongRounds}");
                await turns.TakeAsync(round, async (side, server) => sweeps[side].Add(await SweepAsync(server)));
            }

            bench.Add(new Figure(
                $"{bench.Options.ImageSize >> 20} MiB touched in order", placement.Name, "C handler", "ms",
                Workbench.Numbers(sweeps[0], "seconds", 1e3), Workbench.Numbers(sweeps[1], "seconds", 1e3), Target));
            turns.NoteBusyIdlers(placement, bench);

            Task<JsonElement> SweepAsync(ServerProcess server) =>
                bench.TouchAsync(server, placement, "sweep", bench.Image.Size, order: 0);
        }
    }
}
