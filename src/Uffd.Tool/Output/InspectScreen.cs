using Spectre.Console;
using Spectre.Console.Rendering;

namespace Uffd.Tool.Output;

/// <summary>What is in a snapshot, on a terminal.</summary>
internal static class InspectScreen
{
    private const int ShortestName = 8;

    public static void Draw(InspectSummary summary, IAnsiConsole console)
    {
        SnapshotScreen.Draw(InspectText.Rows(summary), console);
        var table = new Table { Border = TableBorder.Simple };
        table.BorderColor(Color.Grey);
        foreach ((int index, string name) in InspectText.Columns.Index())
        {
            table.AddColumn(new TableColumn(new Text(name, new Style(Color.Grey)))
            {
                NoWrap = true,
                Padding = new Padding(0, 0, 1, 0),
                Alignment = InspectText.IsNumber(index) ? Justify.Right : Justify.Left,
            });
        }

        IReadOnlyList<string>[] rows = [.. summary.Regions.Select(InspectText.Cells)];
        int room = InspectNames.RoomOf([InspectText.Columns, .. rows], console.Profile.Width, ShortestName);
        foreach (IReadOnlyList<string> cells in rows)
        {
            table.AddRow(cells.Select((cell, index) => (IRenderable)new Text(index == cells.Count - 1 ? InspectNames.Show(cell, room) : cell, index is 0 or 1 ? new Style(Color.Grey) : null).Ellipsis()));
        }

        console.Write(table);
    }
}
