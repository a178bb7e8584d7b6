using Spectre.Console;
using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>A working set on a terminal.</summary>
internal static class WorkingSetScreen
{
    private const string Shades = " ░▒▓█";

    public static void Draw(WorkingSet set, WorkingSetFormat format, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).HideHeaders().AddColumns("", "");
        foreach ((string name, string value) in WorkingSetText.Rows(set, format))
        {
            table.AddRow(new Markup($"[grey]{Markup.Escape(name)}[/]"), new Text(value));
        }

        console.Write(table);
        var plot = new WorkingSetPlot(set);
        Grid grid = new Grid().AddColumn(new GridColumn().RightAligned()).AddColumn(new GridColumn().NoWrap());
        grid.AddRow(Text.Empty, new Markup($"[grey]0{Sizes.Format(plot.Width).PadLeft(WorkingSetPlot.Columns - 1)}[/]"));
        for (int row = 0; row < WorkingSetPlot.Rows; row++)
        {
            string cells = string.Concat(Enumerable.Range(0, WorkingSetPlot.Columns).Select(column => Shades[(int)Math.Ceiling(plot.ShareOf(row, column) * (Shades.Length - 1))]));
            grid.AddRow(new Markup($"[grey]{WorkingSetText.Label(row)}[/]"), new Markup($"[blue]{cells}[/]"));
        }

        console.Write(grid);
    }
}
