using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Bench;

/// <summary>What a run found, for people and for programs.</summary>
internal sealed class OutOfCoreReport(DateTimeOffset started, OutOfCoreBench bench)
{
    public bool Ok => !bench.IsIncomplete && bench.Figures.All(figure => figure.Ok != false);

    public string ToTable()
    {
        List<string[]> rows = [["work", "CPUs", "baseline", "", "uffd", "ratio", "spread", "target", "ok?"]];
        rows.AddRange(bench.Figures.Select(row => (string[])
        [
            row.Figure.Work,
            row.Figure.Placement,
            row.Figure.Baseline,
            Value(row.Figure.BaselineMedian, row.Figure.Unit),
            Value(row.Figure.PagerMedian, row.Figure.Unit),
            TextTable.Ratio(row.Figure.Ratio),
            $"{TextTable.Ratio(row.Figure.MiddleHalf.Low)}-{TextTable.Ratio(row.Figure.MiddleHalf.High)}",
            row switch
            {
                { Limit: { } limit } => Value(limit, row.Figure.Unit),
                { Figure.Target: { } target } => TextTable.Ratio(target),
                _ => "",
            },
            row.Ok switch { true => "yes", false => "NO", null => "" },
        ]));
        var text = new StringBuilder();
        TextTable.Append(text, rows, words: 3);
        text.AppendLine($"uffd: {bench.SideName}. Both: medians of {bench.Options.Rounds} rounds, taken by turns, from a cold cache each.");
        text.AppendLine($"the file: {bench.Options.FileSize >> 20} MiB; the memory: {bench.Options.Limit >> 20} MiB.");
        text.AppendLine("ratio: our cost over the baseline's, the median of the rounds' ratios; half of them lie within the spread.");
        foreach (var note in bench.Notes)
        {
            text.AppendLine($"note: {note}");
        }

        return text.ToString();
    }

    public string ToJson()
    {
        var report = new OutOfCoreJson(
            bench.Options.Parts, started, $"Linux {Environment.OSVersion.Version}", RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount, RuntimeInformation.FrameworkDescription, bench.SideName, bench.Options.Rounds,
            bench.Options.FileSize, bench.Options.Limit, bench.Options.Operations,
            [
                .. bench.Figures.Select(row => new OutOfCoreFigureJson(
                    row.Figure.Work, row.Figure.Placement, row.Figure.Baseline, row.Figure.Unit,
                    row.Figure.BaselineMedian, row.Figure.PagerMedian, row.Figure.Ratio, row.Figure.Target, row.Limit, row.Ok,
                    row.Figure.BaselineRounds, row.Figure.PagerRounds, row.Figure.RoundRatios)),
            ],
            bench.Notes, Ok);
        return JsonSerializer.Serialize(report, OutOfCoreJsonContext.Default.OutOfCoreJson) + Environment.NewLine;
    }

    private static string Value(double value, string unit) =>
        $"{value.ToString(value < 100 ? "0.00" : "0.0", CultureInfo.InvariantCulture)} {unit}";

}

internal sealed record OutOfCoreJson(
    IReadOnlyList<string> Parts, DateTimeOffset Started, string System, string Architecture, int Cpus, string Runtime, string Side,
    int Rounds, long FileBytes, long LimitBytes, int Operations, OutOfCoreFigureJson[] Figures, IReadOnlyList<string> Notes, bool Ok);

internal sealed record OutOfCoreFigureJson(
    string Work, string Cpus, string Baseline, string Unit, double BaselineMedian, double UffdMedian, double Ratio,
    double? Target, double? Limit, bool? Ok, double[] BaselineRounds, double[] UffdRounds, double[] RoundRatios);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OutOfCoreJson))]
internal sealed partial class OutOfCoreJsonContext : JsonSerializerContext;
