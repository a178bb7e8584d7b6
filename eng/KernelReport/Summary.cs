namespace Uffd.KernelReport;

/// <summary>One run in a few lines, for the terminal.</summary>
internal static class Summary
{
    private const int MaxLines = 40;

    public static void Write(TextWriter output, Column column)
    {
        output.WriteLine(
            $"    {column.Count(Outcome.Passed)} passed, {column.Count(Outcome.Failed)} failed, " +
            $"{column.Count(Outcome.NotSupported)} not supported, {column.Count(Outcome.Skipped)} skipped otherwise");
        Case[] worth = [.. column.Cases.Where(item => item.Outcome is Outcome.Failed or Outcome.Skipped).OrderBy(item => item.Outcome)];
        foreach (Case item in worth.Take(MaxLines))
        {
            output.WriteLine($"    {(item.Outcome == Outcome.Failed ? "failed" : "skipped")}: {item.Group}.{item.Name}: {Text.OneLine(item.Reason)}");
        }

        if (worth.Length > MaxLines)
        {
            output.WriteLine($"    and {worth.Length - MaxLines} more");
        }
    }
}
