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

    /// <summary>As Markdown's own code, in a table too.</summary>
    public static string Code(string text) => $"`{text.Replace("`", "'", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal)}`";
}
