using Spectre.Console;

namespace Uffd.Tool.Output;

/// <summary>What came out of <c>uffd demo migrate</c>, on a terminal.</summary>
internal static class MigrateScreen
{
    public static void Draw(IReadOnlyList<(string Name, string Value)> rows, bool isGood, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).HideHeaders().AddColumns("", "");
        foreach ((string name, string value) in rows)
        {
            string colour = name switch
            {
                "verified" or "lost writes" => isGood ? "green" : "red",
                "downtime" => "green",
                _ => "default",
            };
            table.AddRow(new Markup($"[grey]{Markup.Escape(name)}[/]"), new Markup($"[{colour}]{Markup.Escape(value)}[/]"));
        }

        console.Write(table);
    }
}
