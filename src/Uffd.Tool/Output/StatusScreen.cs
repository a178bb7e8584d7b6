using Spectre.Console;
using Spectre.Console.Rendering;
using Uffd.Daemon;

namespace Uffd.Tool.Output;

/// <summary>A daemon's status on a terminal: drawn once, or again and again in the same place.</summary>
internal static class StatusScreen
{
    private const int LinesBesideClients = 10; // headline, head and foot of the table, three lines below, the cursor's

    /// <summary>Draws one sample.</summary>
    public static void Draw(DaemonStatus status, IAnsiConsole console) => console.Write(Render(status, before: null, console));

    /// <summary>Draws samples as they come until there are no more.</summary>
    /// <param name="console">Where.</param>
    /// <param name="samples">The samples; the first is drawn at once.</param>
    public static async Task LiveAsync(IAnsiConsole console, IAsyncEnumerable<DaemonStatus> samples)
    {
        DaemonStatus? before = null;
        await console.Live(new Text("asking the daemon")).AutoClear(false).Overflow(VerticalOverflow.Crop).StartAsync(async context =>
        {
            await foreach (DaemonStatus now in samples)
            {
                context.UpdateTarget(Render(now, before, console));
                context.Refresh();
                before = now;
            }
        });
    }

    private static Rows Render(DaemonStatus now, DaemonStatus? before, IAnsiConsole console)
    {
        StatusTable table = StatusText.Table(now, before, Math.Max(1, console.Profile.Height - LinesBesideClients), console.Profile.Width);
        var lines = new List<IRenderable> { new Text(StatusText.Headline(now), new Style(Color.Grey)).Ellipsis() };
        var drawn = new Table { Border = TableBorder.Simple, ShowFooters = true };
        drawn.BorderColor(Color.Grey);
        for (int index = 0; index < table.Columns.Count; index++)
        {
            StatusColumn column = table.Columns[index];
            var added = new TableColumn(new Text(column.Name, Heading(column.Name))) { NoWrap = true, Footer = new Text(table.Totals[index], new Style(decoration: Decoration.Bold)), Padding = new Padding(0, 0, 1, 0) };
            added.Alignment = column.IsText ? Justify.Left : Justify.Right;
            drawn.AddColumn(added);
        }

        foreach (IReadOnlyList<string> client in table.Clients)
        {
            drawn.AddRow(client.Select((cell, index) => (IRenderable)new Text(cell, Cell(table.Columns[index].Name, cell))));
        }

        lines.Add(drawn);
        foreach ((string name, string value) in NumbersText.Rows(now.Totals).Where(row => row.Name is "pages" or "trouble"))
        {
            bool quiet = name is "pages" || value is "none";
            lines.Add(new Text($" {name,-8} {value}", quiet ? null : new Style(Color.Yellow)).Ellipsis());
        }

        if (before is not null)
        {
            lines.Add(new Text(" Rates, latencies: of the last interval. Pages: of all the time. Ctrl-C ends.", new Style(Color.Grey)).Ellipsis());
        }

        return new Rows(lines);
    }

    private static Style Heading(string column) => column is "POISONED" ? new Style(Color.Red) : new Style(Color.Grey);

    private static Style? Cell(string column, string cell) => column switch
    {
        "resident" when cell is "100 %" => new Style(Color.Green),
        "retries" => new Style(Color.Yellow),
        "POISONED" => new Style(Color.Red),
        _ => null,
    };
}
