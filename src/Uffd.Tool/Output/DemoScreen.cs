using Spectre.Console;
using Uffd.Daemon.Demo;

namespace Uffd.Tool.Output;

/// <summary>The demo's result on a terminal.</summary>
internal static class DemoScreen
{
    private const int BarWidth = 40;

    public static void Draw(DemoResult found, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).HideHeaders().AddColumns("", "");
        foreach ((string name, string value) in DemoText.Rows(found))
        {
            string colour = name switch
            {
                "verified" => found.Verified ? "green" : "red",
                "first page, lazily" => "green",
                _ => "default",
            };
            table.AddRow(new Markup($"[grey]{Markup.Escape(name)}[/]"), new Markup($"[{colour}]{Markup.Escape(value)}[/]"));
        }

        console.Write(table);
        Grid grid = new Grid().AddColumn(new GridColumn().RightAligned()).AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn().RightAligned());
        grid.AddRow(new Markup("[grey]fault latency[/]"), Text.Empty, new Markup("[grey]faults[/]"));
        foreach ((string range, double share, long count) in DemoText.Bars(found))
        {
            string bar = new('█', (int)Math.Ceiling(share * BarWidth));
            grid.AddRow(new Text(range), new Markup($"[blue]{bar}[/]"), new Text(DemoText.Number(count)));
        }

        console.Write(grid);
    }
}
