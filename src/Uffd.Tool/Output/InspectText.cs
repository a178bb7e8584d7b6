using System.Globalization;
using Uffd.Daemon;
using Uffd.Processes;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>What is in a snapshot, in words and cells.</summary>
internal static class InspectText
{
    private const int ThreadsShown = 8;
    private const int ArgumentsShown = 200;

    /// <summary>The columns of the table of mappings.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["address", "perm", "size", "stored", "zero", "parent", "name"];

    /// <summary>How many of the columns, from the left, are text.</summary>
    public static bool IsNumber(int column) => column is >= 2 and <= 5;

    /// <summary>Name and value of each row about the process and the file.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(InspectSummary summary)
    {
        ProcessState state = summary.State;
        InspectShares shares = summary.Shares;
        var rows = new List<(string Name, string Value)>
        {
            ("file", $"{InspectNames.Show(summary.Path)} ({summary.Format}), {Sizes.Format((ulong)summary.FileBytes)}"),
            ("process", string.Create(CultureInfo.InvariantCulture, $"{InspectNames.Show(state.Name)}, pid {state.ProcessId}, parent {state.ParentProcessId}, user {state.UserId}")),
        };
        if (state.Executable.Length > 0)
        {
            rows.Add(("program", InspectNames.Show(state.Executable)));
        }

        if (state.Arguments.Count > 0)
        {
            rows.Add(("arguments", InspectNames.Show(Cut(string.Join(' ', state.Arguments)))));
        }

        if (state.Taken != default)
        {
            rows.Add(("taken", state.Taken.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss.fff 'UTC'", CultureInfo.InvariantCulture) + (state.KernelRelease.Length > 0 ? $", Linux {InspectNames.Show(state.KernelRelease)}" : "")));
        }

        rows.Add(("machine", string.Create(CultureInfo.InvariantCulture, $"{state.Architecture}, pages of {state.PageSize} bytes")));
        rows.Add(("threads", Threads(state.Threads)));
        rows.Add(("mappings", string.Create(CultureInfo.InvariantCulture, $"{summary.Regions.Count}, {Sizes.Format(shares.Total)}")));
        rows.Add(("pages", Shares(shares)));
        if (summary.Compression is { } compression)
        {
            rows.Add(("compressed", compression < 1
                ? string.Create(CultureInfo.InvariantCulture, $"to {100 * compression:0.0} % of what is stored")
                : string.Create(CultureInfo.InvariantCulture, $"no: the file is {compression:0.0} times what is stored; what later rounds replaced is in it")));
        }

        rows.Add(("parents", summary.Parents.Count == 0 ? "none" : string.Join(", ", summary.Parents.Select(parent => InspectNames.Show(parent)))));
        return rows;
    }

    /// <summary>The cells of a mapping.</summary>
    public static IReadOnlyList<string> Cells(InspectRegion region) =>
    [
        region.Mapping.Range.Start.ToString("x12", CultureInfo.InvariantCulture),
        Permissions(region.Mapping.Permissions),
        Sizes.Format(region.Mapping.Range.Length),
        region.Content == RegionContent.None ? "-" : Size(region.Shares.Stored),
        Size(region.Shares.Zero),
        Size(region.Shares.Parent),
        InspectNames.Show(region.Mapping.Name),
    ];

    public static void Write(InspectSummary summary, TextWriter output)
    {
        foreach ((string name, string value) in Rows(summary))
        {
            output.WriteLine($"{name,-10}  {value}");
        }

        output.WriteLine();
        IReadOnlyList<string>[] rows = [Columns, .. summary.Regions.Select(Cells)];
        int[] widths = [.. Columns.Select((_, column) => rows.Max(row => row[column].Length))];
        foreach (IReadOnlyList<string> row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => IsNumber(column) ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    /// <summary>As in /proc/PID/maps.</summary>
    public static string Permissions(RegionPermissions permissions) => string.Concat(
        permissions.HasFlag(RegionPermissions.Read) ? 'r' : '-',
        permissions.HasFlag(RegionPermissions.Write) ? 'w' : '-',
        permissions.HasFlag(RegionPermissions.Execute) ? 'x' : '-',
        permissions.HasFlag(RegionPermissions.Shared) ? 's' : 'p');

    private static string Shares(InspectShares shares)
    {
        (ulong Bytes, string Name)[] parts = [(shares.Stored, "stored"), (shares.Zero, "zero"), (shares.Parent, "in parents"), (shares.File, "in their files"), (shares.Absent, "not kept")];
        return string.Join(", ", parts.Where(part => part.Bytes > 0)
            .Select(part => string.Create(CultureInfo.InvariantCulture, $"{Sizes.Format(part.Bytes)} {part.Name} ({100.0 * part.Bytes / shares.Total:0.0} %)")).DefaultIfEmpty("none"));
    }

    private static string Threads(IReadOnlyList<Uffd.Snapshots.ThreadState> threads)
    {
        string names = string.Join(", ", threads.Take(ThreadsShown).Select(thread => string.Create(
            CultureInfo.InvariantCulture, $"{thread.ThreadId}{(thread.Name.Length > 0 ? $" {InspectNames.Show(thread.Name)}" : "")}")));
        return string.Create(CultureInfo.InvariantCulture, $"{threads.Count}: {names}{(threads.Count > ThreadsShown ? ", ..." : "")}");
    }

    private static string Size(ulong bytes) => bytes == 0 ? "" : Sizes.Format(bytes);

    private static string Cut(string text) => text.Length <= ArgumentsShown ? text : $"{text[..ArgumentsShown]}...";
}
