using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Bench;

/// <summary>How the background fill should read a file: the ways it could, beside one plain copy. See docs/adr/0003.</summary>
internal static class SourcesBenchmark
{
    private const int Rounds = 9;
    private const long ImageSize = 256L << 20;
    private const string Baseline = "whole";

    private static readonly (string Way, string Meaning)[] Ways =
    [
        (Baseline, "one copy from the mapping"),
        ("mapping", "copy from the mapping a run at a time, without looking for zeros"),
        ("buffer", "read a run into a buffer, look, copy from the buffer"),
        ("probe", "look at each page of the mapping through the kernel, then copy from it"),
    ];

    public static async Task<string> RunAsync(bool json, CancellationToken cancellation)
    {
        var workplace = Directory.CreateTempSubdirectory("uffd-bench-").FullName;
        try
        {
            var program = await Baselines.CompileAsync("sources", workplace, cancellation);
            using var image = ImageFile.Create(ImageSize, workplace, cancellation);
            var seconds = Ways.ToDictionary(way => way.Way, _ => new List<double>(), StringComparer.Ordinal);
            for (var round = -1; round < Rounds; round++)
            {
                foreach (var (way, _) in Ways)
                {
                    var start = Programs.Command(program, null, "--image", image.Path, "--way", way, "--warm", $"{ImageSize}");
                    var found = await Programs.MeasureAsync(start, null, cancellation);
                    if (round >= 0)
                    {
                        seconds[way].Add(found.GetProperty("seconds").GetDouble());
                    }
                }
            }

            return Report(seconds, json);
        }
        finally
        {
            Directory.Delete(workplace, recursive: true);
        }
    }

    private static string Report(Dictionary<string, List<double>> seconds, bool json)
    {
        SourceWayJson[] ways =
        [
            .. Ways.Select(way => new SourceWayJson(
                way.Way,
                way.Meaning,
                Math.Round(Median(seconds[way.Way]) * 1e6 / (ImageSize / BenchOptions.PageSize), 3),
                Math.Round(Median(seconds[way.Way].Zip(seconds[Baseline], (cost, baseline) => cost / baseline)), 2))),
        ];
        return json
            ? JsonSerializer.Serialize(ways, SourcesJsonContext.Default.SourceWayJsonArray) + Environment.NewLine
            : string.Concat(ways.Select(way => string.Create(
                CultureInfo.InvariantCulture,
                $"{way.Way,-8}  {way.MicrosecondsAPage:0.00} us a page  ratio {way.Ratio:0.00}  {way.Meaning}{Environment.NewLine}")));
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}

internal sealed record SourceWayJson(string Way, string Meaning, double MicrosecondsAPage, double Ratio);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SourceWayJson[]))]
internal sealed partial class SourcesJsonContext : JsonSerializerContext;
