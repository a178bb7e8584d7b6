using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Bench;

/// <summary>What a run found, for people and for programs.</summary>
internal sealed class BenchReport(DateTimeOffset started, Workbench bench)
{
    private readonly IReadOnlyList<Figure> figures = bench.Figures;
    private readonly IReadOnlyList<string> notes = bench.Notes;
    private readonly BenchOptions options = bench.Options;

    public bool Ok => !bench.IsIncomplete && figures.All(f => f.Ok != false);

    public string ToTable()
    {
        string[] head = ["work", "CPUs", "baseline", "pager", "ratio", "spread", "target", "ok?"];
        List<string[]> rows = [head];
        rows.AddRange(figures.Select(f => (string[])
        [
            f.Work,
            f.Placement,
            Value(f.BaselineMedian, f.Unit),
            Value(f.PagerMedian, f.Unit),
            TextTable.Ratio(f.Ratio),
            $"{TextTable.Ratio(f.MiddleHalf.Low)}-{TextTable.Ratio(f.MiddleHalf.High)}",
            f.Target is { } target ? TextTable.Ratio(target) : "",
            f.Ok switch { true => "yes", false => "NO", null => "" },
        ]));

        var text = new StringBuilder();
        TextTable.Append(text, rows, words: 2);
        foreach (var baseline in figures.Select(f => f.Baseline).Distinct(StringComparer.Ordinal))
        {
            var works = figures.Where(f => string.Equals(f.Baseline, baseline, StringComparison.Ordinal)).Select(f => f.Work);
            text.AppendLine($"baseline: {baseline}, for {string.Join("; ", works.Distinct(StringComparer.Ordinal))}.");
        }

        text.AppendLine($"pager: {bench.PagerName}. Both: medians of {options.Rounds} rounds, {options.LongRounds} of the long ones, taken by turns.");
        text.AppendLine("ratio: the pager's cost over the baseline's, the median of the rounds' ratios; above 1 is slower.");
        text.AppendLine("spread: half of the rounds' ratios lie within.");
        foreach (var note in notes)
        {
            text.AppendLine($"note: {note}");
        }

        return text.ToString();
    }

    public string ToJson()
    {
        var report = new ReportJson(
            options.Parts, started, $"Linux {Environment.OSVersion.Version}", RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount, RuntimeInformation.FrameworkDescription, bench.PagerName, options.Rounds, options.Touches,
            options.ImageSize,
            [
                .. figures.Select(f => new FigureJson(
                    f.Work, f.Placement, f.Baseline, f.Unit, Round(f.BaselineMedian), Round(f.PagerMedian),
                    Round(f.Ratio), f.Target, f.Ok, Round(f.BaselineRounds), Round(f.PagerRounds), Round(f.RoundRatios))),
            ],
            notes, Ok);
        return JsonSerializer.Serialize(report, ReportJsonContext.Default.ReportJson) + Environment.NewLine;
    }

    private static string Value(double value, string unit) =>
        $"{value.ToString(value < 100 ? "0.00" : "0.0", CultureInfo.InvariantCulture)} {unit}";


    private static double Round(double value) => Math.Round(value, 4);

    private static double[] Round(double[] values) => [.. values.Select(Round)];
}

internal sealed record ReportJson(
    IReadOnlyList<string> Parts, DateTimeOffset Started, string System, string Architecture, int Cpus, string Runtime, string Pager,
    int Rounds, int Touches, long ImageBytes, FigureJson[] Figures, IReadOnlyList<string> Notes, bool Ok);

internal sealed record FigureJson(
    string Work, string Cpus, string Baseline, string Unit, double BaselineMedian, double PagerMedian, double Ratio,
    double? Target, bool? Ok, double[] BaselineRounds, double[] PagerRounds, double[] RoundRatios);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ReportJson))]
internal sealed partial class ReportJsonContext : JsonSerializerContext;
