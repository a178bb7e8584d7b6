using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Bench;

/// <summary>What a run found, for people and for programs.</summary>
internal sealed class SnapshotBenchReport(DateTimeOffset started, SnapshotBench bench)
{
    private readonly SnapshotFigure[] figures = [.. bench.Measures.SelectMany(measure => SnapshotFigure.Of(measure.Size, measure.Rounds))];

    public bool Ok => figures.Length > 0 && figures.All(figure => figure.Ok != false);

    public string ToTable()
    {
        var text = new StringBuilder();
        List<string[]> rows = [["what", "Redis", "compared with", "", "uffd", "ratio", "of all rounds", "target", "ok?"]];
        rows.AddRange(figures.Select(f => (string[])
        [
            f.Work,
            Size(f.Size),
            f.Baseline,
            Value(f.BaselineMedian, f.Unit),
            Value(f.UffdMedian, f.Unit),
            Ratio(f.Ratio),
            $"{Ratio(f.All.Low)}-{Ratio(f.All.High)}",
            f.Target is { } target ? $"{(f.IsAtLeast ? ">=" : "<=")} {target.ToString(CultureInfo.InvariantCulture)}" : "",
            f.Ok switch { true => "yes", false => "NO", null => "" },
        ]));
        TextTable.Append(text, rows, words: 3);
        TextTable.Append(text, WriterRows(), words: 2);
        text.AppendLine($"uffd: {Path.GetFileName(bench.Programs.Tool)} {string.Join(' ', ["snapshot", "--no-sync", .. bench.Options.Snapshot])}. Medians of {bench.Options.Rounds} rounds, all in one run, taken by turns.");
        text.AppendLine($"the writer: a request at a time, at most {bench.Options.Rate} a second, to keys drawn at random. gcore's stop: its longest answer.");
        text.AppendLine("ratio: the command's to what it is compared with, the median of the rounds' ratios.");
        foreach (var note in bench.Notes)
        {
            text.AppendLine($"note: {note}");
        }

        return text.ToString();
    }

    public string ToJson()
    {
        var report = new SnapshotBenchJson(
            started, $"Linux {Environment.OSVersion.Version}", RuntimeInformation.ProcessArchitecture.ToString(), Environment.ProcessorCount,
            RuntimeInformation.FrameworkDescription, bench.Options.Rounds, bench.Options.Rate,
            [
                .. figures.Select(f => new SnapshotFigureJson(
                    f.Work, f.Size, f.Baseline, f.Unit, f.BaselineMedian, f.UffdMedian, f.Ratio, f.Target, f.IsAtLeast, f.Ok,
                    f.BaselineRounds, f.UffdRounds, f.RoundRatios)),
            ],
            [.. bench.Measures.Select(measure => new SnapshotSizeJson(measure.Size, [.. measure.Rounds]))],
            bench.Notes, Ok);
        return JsonSerializer.Serialize(report, SnapshotBenchJsonContext.Default.SnapshotBenchJson) + Environment.NewLine;
    }

    /// <summary>What the writer saw of each way.</summary>
    private List<string[]> WriterRows()
    {
        List<string[]> rows = [["beside the writer", "Redis", "writes/s", "p50", "p99", "p99.9", "longest", "seconds"]];
        foreach (var (size, rounds) in bench.Measures)
        {
            Add("nothing", round => round.Alone);
            Add("uffd snapshot", round => round.Uffd.Writer);
            Add("gcore", round => round.Gcore.Writer);
            Add("BGSAVE", round => round.Bgsave.Writer);

            void Add(string way, Func<SnapshotRoundMeasure, WriterWindow> choose)
            {
                WriterWindow[] windows = [.. rounds.Select(choose)];
                rows.Add(
                [
                    way,
                    Size(size),
                    Middle(window => window.Requests / window.Seconds).ToString("0", CultureInfo.InvariantCulture),
                    Value(Middle(window => window.Median), "us"),
                    Value(Middle(window => window.P99), "us"),
                    Value(Middle(window => window.P999), "us"),
                    Value(Middle(window => window.Longest) / 1000, "ms"),
                    Value(Middle(window => window.Seconds), "s"),
                ]);

                double Middle(Func<WriterWindow, double> value) => windows.Select(value).Order().ElementAt(windows.Length / 2);
            }
        }

        return rows;
    }

    private static string Size(long bytes) => $"{(bytes / 1e6).ToString("0", CultureInfo.InvariantCulture)} MB";

    /// <summary>A five-hundredth must not be rounded away.</summary>
    private static string Ratio(double value) => value.ToString(value < 0.1 ? "0.0000" : "0.00", CultureInfo.InvariantCulture);

    private static string Value(double value, string unit) =>
        $"{value.ToString(value < 100 ? "0.00" : "0.0", CultureInfo.InvariantCulture)} {unit}";
}

internal sealed record SnapshotBenchJson(
    DateTimeOffset Started, string System, string Architecture, int Cpus, string Runtime, int Rounds, int Rate,
    SnapshotFigureJson[] Figures, SnapshotSizeJson[] Measures, IReadOnlyList<string> Notes, bool Ok);

internal sealed record SnapshotFigureJson(
    string Work, long Size, string Baseline, string Unit, double BaselineMedian, double UffdMedian, double Ratio, double? Target, bool IsAtLeast, bool? Ok,
    double[] BaselineRounds, double[] UffdRounds, double[] RoundRatios);

internal sealed record SnapshotSizeJson(long Size, SnapshotRoundMeasure[] Rounds);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SnapshotBenchJson))]
internal sealed partial class SnapshotBenchJsonContext : JsonSerializerContext;
