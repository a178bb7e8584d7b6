namespace Uffd.KernelReport;

/// <summary>Text for one line.</summary>
internal static class Text
{
    private const int MaxLength = 240;

    /// <summary>As one line of bounded length.</summary>
    public static string OneLine(string text)
    {
        string line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= MaxLength ? line : line[..MaxLength] + "…";
    }

    /// <summary>As code of Markdown's.</summary>
    public static string Code(string text) => $"`{text.Replace('`', '\'')}`";

    /// <summary>As code in a table, where a bar needs a backslash even inside of code.</summary>
    public static string CodeCell(string text) => Code(text).Replace("|", "\\|", StringComparison.Ordinal);
}
