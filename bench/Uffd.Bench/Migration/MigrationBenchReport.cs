using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Bench;

/// <summary>What a run found, for people and for programs.</summary>
internal sealed class MigrationBenchReport(DateTimeOffset started, MigrationBench bench)
{
    public bool Ok => bench.Figures.Count > 0 && bench.Figures.All(figure => figure.Ok != false);

    public string ToTable()
    {
        var text = new StringBuilder();
        List<string[]> rows = [["what", "compared with", "", "uffd", "ratio", "of all rounds", "target", "ok?"]];
        rows.AddRange(bench.Figures.Select(f => (string[])
        [
            f.Work,
            f.Baseline,
            Value(f.BaselineMedian, f.Unit),
            Value(f.UffdMedian, f.Unit),
            TextTable.Ratio(f.Ratio),
            $"{TextTable.Ratio(f.All.Low)}-{TextTable.Ratio(f.All.High)}",
            f.Target is { } target ? $"{(f.IsAtLeast ? ">=" : "<=")} {target.ToString(CultureInfo.InvariantCulture)}" : "",
            f.Ok switch { true => "yes", false => "NO", null => "" },
        ]));
        TextTable.Append(text, rows, words: 2);
        text.AppendLine(CultureInfo.InvariantCulture, $"{bench.Options.Size >> 20} MiB that no compressor makes smaller, from one process to another over loopback TCP, {bench.Options.Connections} connections. Medians of {bench.Options.Rounds} rounds, taken by turns.");
        text.AppendLine("ratio: uffd's to what it is compared with, the median of the rounds' ratios. What arrived was compared with what was sent, each time.");
        foreach (var note in bench.Notes.Distinct(StringComparer.Ordinal))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"note: {note}");
        }

        return text.ToString();
    }

    public string ToJson()
    {
        var report = new MigrationBenchJson(
            started, $"Linux {Environment.OSVersion.Version}", RuntimeInformation.ProcessArchitecture.ToString(), Environment.ProcessorCount, RuntimeInformation.FrameworkDescription,
            bench.Options.Rounds, bench.Options.Size, bench.Options.Connections,
            [
                .. bench.Figures.Select(f => new MigrationFigureJson(
                    f.Work, f.Baseline, f.Unit, f.BaselineMedian, f.UffdMedian, f.Ratio, f.Target, f.IsAtLeast, f.Ok, f.BaselineRounds, f.UffdRounds, f.RoundRatios)),
            ],
            bench.Notes, Ok);
        return JsonSerializer.Serialize(report, MigrationBenchJsonContext.Default.MigrationBenchJson) + Environment.NewLine;
    }

    private static string Value(double value, string unit) => $"{value.ToString(value < 100 ? "0.00" : "0.0", CultureInfo.InvariantCulture)} {unit}";
}

internal sealed record MigrationBenchJson(
    DateTimeOffset Started, string System, string Architecture, int Cpus, string Runtime, int Rounds, long Size, int Connections,
    MigrationFigureJson[] Figures, IReadOnlyList<string> Notes, bool Ok);

internal sealed record MigrationFigureJson(
    string Work, string Baseline, string Unit, double BaselineMedian, double UffdMedian, double Ratio, double? Target, bool IsAtLeast, bool? Ok,
    double[] BaselineRounds, double[] UffdRounds, double[] RoundRatios);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(MigrationBenchJson))]
internal sealed partial class MigrationBenchJsonContext : JsonSerializerContext;
