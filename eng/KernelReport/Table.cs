namespace Uffd.KernelReport;

/// <summary>docs/kernel-support.md.</summary>
internal sealed class Table(Column[] columns)
{
    public void Write(TextWriter output, string? notes)
    {
        output.WriteLine("# What was run on which kernel");
        output.WriteLine();
        output.WriteLine("Printed by `eng/kernel-matrix`; do not edit. Each column is a run of test/Uffd.Kernel.Tests as root: on the machine at hand");
        output.WriteLine("(host), and on the distribution's kernels in QEMU, emulated, with one processor and 2 GiB.");
        output.WriteLine();
        output.WriteLine("✔ passed · ✘ failed · – the kernel is too old: what it lacks stands at the end of the line, with the version that brought it ·");
        output.WriteLine("○ skipped for another reason, which is given below.");
        output.WriteLine();
        WriteSummary(output);
        WriteExceptions(output, Outcome.Failed, "Failed");
        WriteExceptions(output, Outcome.Skipped, "Skipped otherwise");
        if (notes is not null)
        {
            output.WriteLine("## Notes");
            output.WriteLine();
            output.WriteLine(File.ReadAllText(notes).Trim());
            output.WriteLine();
        }

        WriteFeatures(output);
        WriteCases(output);
    }

    private static void WriteRow(TextWriter output, params IEnumerable<string> cells) => output.WriteLine($"| {string.Join(" | ", cells)} |");

    private static void WriteHead(TextWriter output, params string[] titles)
    {
        WriteRow(output, titles);
        WriteRow(output, titles.Select((_, index) => index == 0 ? "---" : ":-:"));
    }

    private void WriteSummary(TextWriter output)
    {
        WriteHead(output, "kernel", "passed", "failed", "not supported", "skipped otherwise");
        foreach (Column column in columns)
        {
            string name = column.IsHost ? $"host, {column.Facts.Name}" : $"{column.Facts.Release} (package {column.Facts.Package})";
            WriteRow(
                output,
                name,
                $"{column.Count(Outcome.Passed)}",
                $"{column.Count(Outcome.Failed)}",
                $"{column.Count(Outcome.NotSupported)}",
                $"{column.Count(Outcome.Skipped)}");
        }

        output.WriteLine();
    }

    private void WriteExceptions(TextWriter output, Outcome outcome, string title)
    {
        var reasons = columns
            .SelectMany(column => column.Cases.Where(item => item.Outcome == outcome).Select(item => (column.Title, Case: $"{item.Group}.{item.Name}", Reason: Text.OneLine(item.Reason))))
            .GroupBy(item => (item.Case, item.Reason), item => item.Title)
            .OrderBy(group => group.Key.Case, StringComparer.Ordinal)
            .ToArray();
        if (reasons.Length == 0)
        {
            return;
        }

        output.WriteLine($"## {title}");
        output.WriteLine();
        foreach (var reason in reasons)
        {
            output.WriteLine($"- {Text.Code(reason.Key.Case)} on {string.Join(", ", reason)}: {Text.Code(reason.Key.Reason)}");
        }

        output.WriteLine();
    }

    private void WriteFeatures(TextWriter output)
    {
        output.WriteLine("## Features");
        output.WriteLine();
        output.WriteLine("What each kernel answers to `UFFDIO_API`.");
        output.WriteLine();
        WriteHead(output, ["feature", "since", .. columns.Select(column => column.Title)]);
        string[] known = [.. UffdFeatureInfo.All.Select(info => info.KernelName)];
        string[] unknown = [.. columns.SelectMany(column => column.Facts.Features).Distinct(StringComparer.Ordinal).Except(known, StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        foreach (string feature in known.Concat(unknown))
        {
            string since = UffdFeatureInfo.All.FirstOrDefault(info => string.Equals(info.KernelName, feature, StringComparison.Ordinal)).Since ?? "not named by this library";
            WriteRow(output, [Text.CodeCell(feature), since, .. columns.Select(column => column.Facts.Features.Contains(feature) ? "✔" : "–")]);
        }

        output.WriteLine();
    }

    private void WriteCases(TextWriter output)
    {
        output.WriteLine("## Cases");
        output.WriteLine();
        var cases = columns
            .SelectMany((column, index) => column.Cases.Select(item => (Index: index, Case: item)))
            .GroupBy(item => item.Case.Group, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal);
        foreach (var group in cases)
        {
            output.WriteLine($"### {group.Key}");
            output.WriteLine();
            bool lacking = group.Any(item => item.Case.Needs.Count > 0);
            WriteHead(output, ["case", .. columns.Select(column => column.Title), .. lacking ? ["needs"] : Array.Empty<string>()]);
            foreach (var row in group.GroupBy(item => (item.Case.Place, item.Case.Name)).OrderBy(row => row.Key.Place, StringComparer.Ordinal).ThenBy(row => row.Key.Name, StringComparer.Ordinal))
            {
                ILookup<int, Case> byColumn = row.ToLookup(item => item.Index, item => item.Case);
                IEnumerable<string> marks = columns.Select((_, index) => string.Concat(byColumn[index].Select(item => Mark(item.Outcome))));
                string needs = string.Join(", ", row.SelectMany(item => item.Case.Needs).Distinct().OrderBy(need => KernelVersion.Parse(need.Since)));
                WriteRow(output, [Text.CodeCell(row.Key.Name), .. marks, .. lacking ? [needs] : Array.Empty<string>()]);
            }

            output.WriteLine();
        }
    }

    private static string Mark(Outcome outcome) => outcome switch
    {
        Outcome.Passed => "✔",
        Outcome.Failed => "✘",
        Outcome.NotSupported => "–",
        _ => "○",
    };
}
