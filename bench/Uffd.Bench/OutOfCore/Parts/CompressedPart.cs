using System.Text.Json;

namespace Uffd.Bench;

/// <summary>A miss that is served from compressed pages in memory, beside a plain missing fault in C that only copies.</summary>
internal static class CompressedPart
{
    private const double Target = 3.0;
    private const int Faults = 30_000;
    private const long Limit = 16L << 20;

    public static async Task MeasureAsync(OutOfCoreBench bench)
    {
        var program = await bench.CompileAsync("outofcore_fault");
        var (oneCpu, free, _) = Placement.All();
        foreach (var placement in (Placement[])[oneCpu, free])
        {
            List<JsonElement>[] sides = [[], []];
            for (var round = 1; round <= bench.Options.Rounds; round++)
            {
                Workbench.Say($"compressed, {placement.Name}: round {round} of {bench.Options.Rounds}");
                foreach (var side in (int[])(round % 2 == 1 ? [0, 1] : [1, 0]))
                {
                    sides[side].Add(side == 0 ? await BaselineAsync(placement) : await OursAsync(placement));
                }
            }

            Add("p50", Target);
            Add("mean", null);
            bench.Note($"compressed, {placement.Name}: {sides[1][^1].GetProperty("misses")} of {sides[1][^1].GetProperty("pages")} touches missed; {sides[1][^1].GetProperty("facts")}");

            void Add(string property, double? target) => bench.Add(new Figure(
                $"a miss served from compressed pages, {property}", placement.Name, "a missing fault in C", "us",
                Workbench.Numbers(sides[0], property, 1e-3), Workbench.Numbers(sides[1], property, 1e-3), target));
        }

        Task<JsonElement> BaselineAsync(Placement placement) => Programs.MeasureAsync(
            Programs.Command(program, null, ["--pages", OutOfCoreBench.Text(Faults), .. placement.ServerCpu is { } cpu ? (string[])["--cpu", $"{cpu}"] : []]),
            null, bench.Cancellation);

        Task<JsonElement> OursAsync(Placement placement) =>
            bench.RunOursFreelyAsync(placement.ServerCpu, OutOfCoreParts.Compressed, "--limit", OutOfCoreBench.Text(Limit));
    }
}
