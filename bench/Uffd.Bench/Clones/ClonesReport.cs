using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Bench;

/// <summary>What some clones took.</summary>
/// <param name="Memory">Their memory.</param>
/// <param name="Seconds">How long the slowest of them was about it.</param>
internal sealed record ClonesMeasure(MemoryUse Memory, double Seconds);

/// <summary>Many clones beside one.</summary>
/// <param name="ImageSize">Bytes.</param>
/// <param name="Clones">How many.</param>
/// <param name="WrittenPercent">The part of its pages that each writes.</param>
/// <param name="One">One that shares.</param>
/// <param name="Many">All that share.</param>
/// <param name="Copied">One that does not share.</param>
internal sealed record ClonesReport(
    long ImageSize, int Clones, int WrittenPercent, ClonesMeasure One, ClonesMeasure Many, ClonesMeasure Copied)
{
    public const double Target = 1.6;

    /// <summary>To the smaller of the two that can be called the memory of one.</summary>
    public double Ratio => (double)Many.Memory.Total / Math.Min(One.Memory.Total, Copied.Memory.Total);

    /// <summary>The same with page tables and the pager's own memory.</summary>
    public double RatioOfAll => (double)All(Many) / Math.Min(All(One), All(Copied));

    public bool Ok => Ratio <= Target;

    public string ToTable()
    {
        var table = new StringBuilder();
        table.AppendLine(CultureInfo.InvariantCulture, $"{Clones} clones of an image of {Mebibytes(ImageSize).Trim()} that touch all of it and write {WrittenPercent} % each");
        table.AppendLine();
        table.AppendLine("                       clones       image       total  |  page tables       pager     slowest");
        Row("1 clone, copied", Copied);
        Row("1 clone, shared", One);
        Row($"{Clones} clones, shared", Many);
        table.AppendLine();
        table.AppendLine(CultureInfo.InvariantCulture, $"ratio {Ratio:0.00} to the smaller total of one, target {Target:0.0}: {(Ok ? "ok" : "missed")} (with page tables and the pager {RatioOfAll:0.00})");
        return table.ToString();

        void Row(string name, ClonesMeasure measure) => table.AppendLine(
            CultureInfo.InvariantCulture,
            $"{name,-17} {Mebibytes(measure.Memory.Clones)} {Mebibytes(measure.Memory.Image)} {Mebibytes(measure.Memory.Total)}  |  {Mebibytes(measure.Memory.PageTables)} {Mebibytes(measure.Memory.Pager)}  {measure.Seconds,8:0.00} s");
    }

    public string ToJson() => JsonSerializer.Serialize(this, ClonesJsonContext.Default.ClonesReport) + Environment.NewLine;

    private static long All(ClonesMeasure measure) => measure.Memory.Total + measure.Memory.PageTables + measure.Memory.Pager;

    private static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0,7:0.0} MiB");
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ClonesReport))]
internal sealed partial class ClonesJsonContext : JsonSerializerContext;
