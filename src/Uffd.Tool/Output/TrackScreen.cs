using Spectre.Console;
using Spectre.Console.Rendering;

namespace Uffd.Tool.Output;

/// <summary>What a process writes, on a terminal: a table and a map, drawn again and again in the same place.</summary>
internal static class TrackScreen
{
    private const string Shades = " ░░▒▒▓▓██";
    private const int LinesBeside = 11; // headline, head, foot, lines and margins of the table, the map's head, the last line, the cursor's
    private const int LeastRows = 3;
    private const int WidthBesideMap = 15;
    private const int ShortestName = 8;

    /// <summary>From cold to hot, a colour for each level.</summary>
    private static readonly Color[] Colours =
    [
        Color.Default, new(38, 60, 120), new(36, 96, 168), new(32, 140, 180), new(40, 170, 130), new(150, 190, 60), new(230, 190, 40), new(240, 120, 30), new(230, 50, 40),
    ];

    /// <summary>Draws samples as they come until there are no more.</summary>
    public static async Task LiveAsync(IAnsiConsole console, IAsyncEnumerable<TrackHistory> samples, int processId, TimeSpan attachPause)
        => await console.Live(new Text("waiting for the first sample", new Style(Color.Grey))).AutoClear(false).Overflow(VerticalOverflow.Crop).StartAsync(async context =>
        {
            await foreach (TrackHistory history in samples)
            {
                context.UpdateTarget(Render(history, processId, attachPause, console.Profile.Width, console.Profile.Height));
                context.Refresh();
            }
        });

    /// <summary>One frame.</summary>
    internal static Rows Render(TrackHistory history, int processId, TimeSpan attachPause, int width, int height)
    {
        int lines = Math.Max(2 * LeastRows, height - LinesBeside);
        IReadOnlyList<IReadOnlyList<string>> rows = TrackText.Rows(history, Math.Max(LeastRows, lines / 2));
        IReadOnlyList<string> total = TrackText.Total(history);
        int room = InspectNames.RoomOf([TrackText.Columns, total, .. rows], width, ShortestName);
        TrackHeat heat = history.Heat(Math.Max(LeastRows, lines - rows.Count), Math.Clamp(width - WidthBesideMap, 8, TrackHistory.Longest));
        return new Rows(
        [
            new Text(TrackText.Headline(history, processId, attachPause), new Style(Color.Grey)).Ellipsis(),
            Table(rows, total, room),
            new Markup($"[grey] share written, by address and time; {Legend()}[/]"),
            .. Enumerable.Range(0, heat.Labels.Count).Select(row => Line(heat, row)),
            new Text(" set: pages written since the beginning. Ctrl-C ends; the process goes on.", new Style(Color.Grey)).Ellipsis(),
        ]);
    }

    private static Table Table(IReadOnlyList<IReadOnlyList<string>> rows, IReadOnlyList<string> total, int room)
    {
        var table = new Table { Border = TableBorder.Simple, ShowFooters = true };
        table.BorderColor(Color.Grey);
        for (int index = 0; index < TrackText.Columns.Count; index++)
        {
            table.AddColumn(new TableColumn(new Text(TrackText.Columns[index], new Style(Color.Grey)))
            {
                NoWrap = true,
                Footer = new Text(InspectNames.Show(total[index], room), new Style(decoration: Decoration.Bold)),
                Padding = new Padding(0, 0, 1, 0),
                Alignment = TrackText.IsNumber(index) ? Justify.Right : Justify.Left,
            });
        }

        foreach (IReadOnlyList<string> row in rows)
        {
            table.AddRow(row.Select((cell, index) => (IRenderable)new Text(InspectNames.Show(cell, room), index == 0 || cell is "-" ? new Style(Color.Grey) : null).Ellipsis()));
        }

        return table;
    }

    private static Paragraph Line(TrackHeat heat, int row)
    {
        Paragraph line = new Paragraph().Append($" {heat.Labels[row]} ", new Style(Color.Grey));
        for (int column = 0; column < heat.Columns;)
        {
            int level = heat.LevelOf(row, column);
            int from = column;
            while (column < heat.Columns && heat.LevelOf(row, column) == level)
            {
                column++;
            }

            line.Append(new string(Shades[level], column - from), new Style(Colours[level]));
        }

        return line;
    }

    private static string Legend()
        => string.Concat(Enumerable.Range(1, TrackHeat.Levels).Where(level => level % 2 == 0).Select(level => $"[{Colours[level].ToMarkup()}]{Shades[level]}[/]")) + " a little to all of it";
}
