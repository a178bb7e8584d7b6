using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// Four faulting threads in four processes beside four in one, served by the same pager: what serving many costs, and whether
/// any of them starves. The load is the same, so that what differs is the number of address spaces.
/// </summary>
internal static class ManySpaces
{
    private const int Spaces = 4;
    private const double ThroughputTarget = 1.1; // "the same", and the noise of two runs
    private const double TailTarget = 3;

    public static async Task MeasureAsync(Workbench bench, Placement[] placements)
    {
        foreach (var placement in placements)
        {
            await MeasureAsync(bench, placement);
        }
    }

    private static async Task MeasureAsync(Workbench bench, Placement placement)
    {
        if (bench.Options.SelfCheck)
        {
            bench.Note("the C handler serves one client after another: address spaces at once are not measured with --self-check");
            return;
        }

        await using var pager = await bench.StartPagerAsync(placement, "--no-background");
        Workbench.Say($"address spaces, {placement.Name}: warming up");
        for (var i = 0; i < 3; i++)
        {
            await LoadAsync(1, 1);
            await LoadAsync(Spaces, 1);
            await bench.RestAsync();
        }

        List<JsonElement>[] loads = [[], []];
        for (var round = 1; round <= bench.Options.Rounds; round++)
        {
            Workbench.Say($"address spaces, {placement.Name}: round {round} of {bench.Options.Rounds}");
            foreach (var side in (int[])(round % 2 == 1 ? [0, 1] : [1, 0]))
            {
                loads[side].Add(await LoadAsync(side == 0 ? 1 : Spaces, round));
            }
        }

        Add($"faults a second, {Spaces} address spaces at once", "perSecond", 1e-3, "k/s", ThroughputTarget);
        Add($"the worst space's fault of {Spaces} at once, p99", "worstP99", 1e-3, "us", TailTarget);

        Task<JsonElement> LoadAsync(int spaces, int order) => bench.MeasureAsync(pager, Programs.Command(
            bench.Baselines.Spaces, placement.ToucherCpu,
            "--socket", pager.SocketPath, "--size", $"{bench.Image.Size}", "--spaces", $"{spaces}",
            "--threads", $"{Spaces / spaces}", "--touches", $"{bench.Options.RateTouches / Spaces}", "--order", $"{order}",
            "--seed", $"{bench.Image.Seed}", "--warm", $"{2L * bench.Options.RateTouches * BenchOptions.PageSize}"));

        void Add(string work, string property, double scale, string unit, double target) => bench.Add(new Figure(
            work, placement.Name, $"one address space, {Spaces} threads", unit,
            Workbench.Numbers(loads[0], property, scale), Workbench.Numbers(loads[1], property, scale), target));
    }
}
