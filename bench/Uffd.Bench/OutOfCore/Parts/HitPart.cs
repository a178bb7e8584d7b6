using System.Text.Json;

namespace Uffd.Bench;

/// <summary>Accesses to bytes that are in memory: the one place where a time is promised and not a ratio.</summary>
internal static class HitPart
{
    private const double ReadTarget = 15;
    private const double LeaseTarget = 150;
    private const int RoundsInARound = 3;

    public static async Task MeasureAsync(OutOfCoreBench bench)
    {
        Workbench.Say("hit");
        var said = await bench.RunOursFreelyAsync(
            null, OutOfCoreParts.Hit, "--file", bench.File.Path, "--limit", OutOfCoreBench.Text(bench.Options.Limit),
            "--count", OutOfCoreBench.Text(RoundsInARound * bench.Options.Rounds));
        JsonElement[] rounds = [.. said.GetProperty("rounds").EnumerateArray()];
        Add("a read of 8 bytes in memory", "array", "arrayRead", "read", ReadTarget);
        Add("a write of 8 bytes in memory", "array", "arrayWrite", "write", null);
        Add("a lease of 64 KiB in memory", "pinned GCHandle", "pin", "lease", LeaseTarget);

        void Add(string work, string baseline, string theirs, string ours, double? limit) =>
            bench.Add(new Figure(work, "free", baseline, "ns", Numbers(theirs), Numbers(ours), Target: null), limit);

        double[] Numbers(string property) => [.. rounds.Select(round => round.GetProperty(property).GetDouble())];
    }
}
