using System.Globalization;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>What the kernel's ways to take pages out and bring them in cost: the library's calls beside the same in C.</summary>
internal static class MovesPart
{
    private const int Passes = 25;

    public static async Task MeasureAsync(OutOfCoreBench bench)
    {
        var program = await bench.CompileAsync("moves");
        List<JsonElement>[] sides = [[], []];
        for (var round = 1; round <= bench.Options.Rounds; round++)
        {
            Workbench.Say($"moves: round {round} of {bench.Options.Rounds}");
            foreach (var side in (int[])(round % 2 == 1 ? [0, 1] : [1, 0]))
            {
                sides[side].Add(side == 0 ? await BaselineAsync() : await OursAsync());
            }
        }

        foreach (var row in sides[0][0].GetProperty("rows").EnumerateArray())
        {
            var baseline = Values(sides[0], row);
            var ours = Values(sides[1], row);
            var work = string.Create(
                CultureInfo.InvariantCulture, $"{row.GetProperty("work").GetString()}, {row.GetProperty("batch").GetInt32()} at once");
            var place = row.GetProperty("beside").GetBoolean() ? "beside a thread" : "alone";
            if (ours.Length == baseline.Length)
            {
                bench.Add(new Figure(work, place, "the same calls in C", "ns/page", baseline, ours, null));
            }
            else
            {
                bench.Note($"moves: {work}, {place}: {baseline.Order().ElementAt(baseline.Length / 2):0} ns/page in C; the library has no such call");
            }
        }

        Task<JsonElement> BaselineAsync() => Programs.MeasureAsync(
            Programs.Command(program, null, "--pages", OutOfCoreBench.Text(MovesChild.Pages), "--passes", OutOfCoreBench.Text(Passes)), null, bench.Cancellation);

        Task<JsonElement> OursAsync() => bench.RunOursFreelyAsync(null, OutOfCoreParts.Moves, "--count", OutOfCoreBench.Text(Passes));
    }

    /// <summary>The same row of each run.</summary>
    private static double[] Values(List<JsonElement> runs, JsonElement wanted) =>
    [
        .. runs.SelectMany(run => run.GetProperty("rows").EnumerateArray())
            .Where(row => string.Equals(Key(row), Key(wanted), StringComparison.Ordinal))
            .Select(row => row.GetProperty("ns").GetDouble()),
    ];

    private static string Key(JsonElement row) => $"{row.GetProperty("work")} {row.GetProperty("batch")} {row.GetProperty("beside")}";
}
