using Spectre.Console;

namespace Uffd.Tool.Output;

/// <summary>What is in a snapshot, on a terminal.</summary>
internal static class InspectScreen
{
    private const int WidthBesideName = 65;
    private const int ShortestName = 14;

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

        int room = Math.Max(ShortestName, console.Profile.Width - WidthBesideName);
        foreach (InspectRegion region in summary.Regions)
        {
            IReadOnlyList<string> cells = InspectText.Cells(region);
            table.AddRow([.. cells.Select((cell, index) => index == cells.Count - 1
                ? new Text(InspectNames.Show(region.Mapping.Name, room))
                : new Text(cell, index is 0 or 1 ? new Style(Color.Grey) : null))]);
        }

        console.Write(table);
    }
}
