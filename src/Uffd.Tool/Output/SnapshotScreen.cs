using Spectre.Console;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>A snapshot's result on a terminal.</summary>
internal static class SnapshotScreen
{
    public static void Draw(SnapshotReport report, string path, string format, IAnsiConsole console) => Draw(SnapshotText.Rows(report, path, format), console);

    /// <summary>A table of names and values.</summary>
    public static void Draw(IReadOnlyList<(string Name, string Value)> rows, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).HideHeaders().AddColumns("", "");
        foreach ((string name, string value) in rows)
        {
            table.AddRow(new Markup($"[grey]{Markup.Escape(name)}[/]"), new Text(value, name.EndsWith("stop", StringComparison.Ordinal) ? new Style(Color.Green) : null));
        }

        console.Write(table);
    }
}
