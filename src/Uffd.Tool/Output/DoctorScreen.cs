using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Uffd.Diagnostics;

namespace Uffd.Tool.Output;

/// <summary>The report on a terminal: a check list with colours, as wide as the terminal lets it be.</summary>
internal static class DoctorScreen
{
    private const int Indent = 2;
    private const int MarkWidth = 2;

    /// <summary>Draws it.</summary>
    public static void Draw(HostReport report, IAnsiConsole console)
    {
        int subject = report.Checks.Max(check => check.Subject.Length);
        foreach (IGrouping<string, HostCheck> section in report.Checks.GroupBy(check => check.Section, StringComparer.Ordinal))
        {
            console.Write(new Text(section.Key, new Style(decoration: Decoration.Bold)));
            console.WriteLine();
            foreach (HostCheck check in section)
            {
                console.Write(Line(check, subject));
                if (check.Why is not null)
                {
                    console.Write(new Padder(new Text(check.Why, new Style(Color.Grey)), new Padding(Indent + MarkWidth, 0, 0, 0)));
                }

                if (check.Remedy is not null)
                {
                    console.Write(new Unwrapped($"{new string(' ', Indent + MarkWidth)}$ {check.Remedy}", new Style(Color.Aqua)));
                }

                if (report.Features is not null && string.Equals(check.Id, "kernel.features", StringComparison.Ordinal))
                {
                    console.Write(Features(report.FeatureList, console.Profile.Width));
                }
            }
        }

        console.WriteLine();
        Color colour = !report.PagingWorks ? Color.Red : report.FaultScope == UffdFaultScope.UserOnly ? Color.Yellow : Color.Green;
        console.Write(new Text(DoctorVerdict.Of(report), new Style(colour, decoration: Decoration.Bold)));
        console.WriteLine();
    }

    private static Grid Line(HostCheck check, int subject)
    {
        Grid grid = new Grid { Expand = false }
            .AddColumn(new GridColumn().Width(MarkWidth).NoWrap().Padding(Indent, 0, 0, 0))
            .AddColumn(new GridColumn().Width(subject).NoWrap().Padding(0, 0, 2, 0))
            .AddColumn(new GridColumn().Padding(0, 0, 0, 0));
        return grid.AddRow(Mark(check.Status), new Text(check.Subject), new Text(check.Finding));
    }

    private static Padder Features(IReadOnlyList<HostFeature> features, int width)
    {
        const int Gap = 3;
        string[] texts = [.. features.Select(feature => string.Create(CultureInfo.InvariantCulture, $"{feature.Info.KernelName} {feature.Info.Since}"))];
        int cell = texts.Max(text => text.Length) + MarkWidth + Gap;
        int columns = Math.Clamp((width - Indent - MarkWidth + Gap) / cell, 1, 4);
        int rows = (features.Count + columns - 1) / columns;
        var grid = new Grid { Expand = false };
        for (int column = 0; column < columns; column++)
        {
            grid.AddColumn(new GridColumn().NoWrap().Padding(0, 0, Gap, 0));
        }

        // Down, then across: the bits stay in their order for the eye that reads a column.
        for (int row = 0; row < rows; row++)
        {
            grid.AddRow([.. Enumerable.Range(0, columns)
                .Select(column => (column * rows) + row)
                .Select(index => index < features.Count ? Feature(features[index]) : new Paragraph())]);
        }

        return new Padder(grid, new Padding(Indent + MarkWidth, 0, 0, 0));
    }

    private static Paragraph Feature(HostFeature feature)
    {
        (string mark, Color colour) = feature.IsAvailable switch
        {
            true => ("✓", Color.Green),
            false => ("✗", Color.Red),
            null => ("?", Color.Yellow),
        };
        return new Paragraph()
            .Append($"{mark} ", new Style(colour))
            .Append($"{feature.Info.KernelName} ")
            .Append(feature.Info.Since, new Style(Color.Grey));
    }

    private static Text Mark(HostCheckStatus status) => status switch
    {
        HostCheckStatus.Good => new Text("✓", new Style(Color.Green)),
        HostCheckStatus.Note => new Text("·", new Style(Color.Grey)),
        HostCheckStatus.Limited => new Text("!", new Style(Color.Yellow)),
        _ => new Text("✗", new Style(Color.Red)),
    };

    /// <summary>A line that keeps its length: a command that was broken in two could not be copied.</summary>
    private sealed class Unwrapped(string text, Style style) : Renderable
    {
        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => [new Segment(text, style), Segment.LineBreak];
    }
}
