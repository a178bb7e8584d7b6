using Spectre.Console;
using Uffd.Tool.OutOfCore;

namespace Uffd.Tool.Output;

/// <summary>What came out of <c>uffd demo outofcore</c>, on a terminal.</summary>
internal static class OutOfCoreScreen
{
    public static void Draw(OutOfCoreResult found, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).HideHeaders().AddColumns("", "");
        foreach ((string name, string value) in OutOfCoreText.Rows(found))
        {
            string colour = name switch
            {
                "verified" => found.Verified ? "green" : "red",
                "time, this memory" => "green",
                _ => "default",
            };
            table.AddRow(new Markup($"[grey]{Markup.Escape(name)}[/]"), new Markup($"[{colour}]{Markup.Escape(value)}[/]"));
        }

        console.Write(table);
    }
}
