using System.Xml.Linq;

namespace Uffd.KernelReport;

/// <summary>One run of the suite: on one kernel.</summary>
/// <param name="IsHost">Whether it ran without emulation.</param>
/// <param name="Facts">The kernel.</param>
/// <param name="Cases">What ran.</param>
internal sealed record Column(bool IsHost, Facts Facts, IReadOnlyList<Case> Cases)
{
    public string Title => IsHost ? $"host {Facts.Name}" : Facts.Name;

    public int Count(Outcome outcome) => Cases.Count(item => item.Outcome == outcome);

    public static Column Read(string folder)
    {
        Facts facts = Facts.Read(Path.Combine(folder, "facts"));
        XElement root = XDocument.Load(Path.Combine(folder, "results.xml")).Root!; // a document that loads has one
        IEnumerable<Case> cases = root.Descendants("test").Select(test => Case.Read(test, facts));

        // What failed outside of a case, as when a fixture is taken down.
        IEnumerable<Case> errors = root.Descendants("error").Select(error => new Case(
            "Outside of cases",
            $"{error.Attribute("type")?.Value} {error.Attribute("name")?.Value}".Trim(),
            "",
            Outcome.Failed,
            error.Descendants("message").FirstOrDefault()?.Value.Trim() ?? "without a message",
            []));
        return new Column(string.Equals(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), "host", StringComparison.Ordinal), facts, [.. cases, .. errors]);
    }

    /// <summary>Reads the results of one program, oldest kernel first; says which it leaves out.</summary>
    public static Column[] ReadAll(string folder, string mark, TextWriter log)
    {
        var columns = new List<Column>();
        foreach (string result in Directory.GetDirectories(folder))
        {
            string path = Path.Combine(result, "mark");
            if (File.Exists(path) && string.Equals(File.ReadAllText(path).Trim(), mark, StringComparison.Ordinal))
            {
                columns.Add(Read(result));
            }
            else
            {
                log.WriteLine($"left out: {Path.GetFileName(result)}, run with another version of the tests");
            }
        }

        return Complete([.. columns.OrderBy(column => column.IsHost).ThenBy(column => KernelVersion.Parse(column.Facts.Name))]);
    }

    /// <summary>A case that only other kernels ran has not been left out silently.</summary>
    private static Column[] Complete(Column[] columns)
    {
        Case[] all = [.. columns.SelectMany(column => column.Cases).DistinctBy(item => (item.Group, item.Name))];
        return [.. columns.Select(column =>
        {
            HashSet<(string Group, string Name)> ran = [.. column.Cases.Select(item => (item.Group, item.Name))];
            IEnumerable<Case> missing = all
                .Where(item => !ran.Contains((item.Group, item.Name)) && item.Place.Length > 0)
                .Select(item => item with { Outcome = Outcome.Skipped, Reason = "was not run", Needs = [] });
            return column with { Cases = [.. column.Cases, .. missing] };
        })];
    }
}
