using System.Globalization;

namespace Uffd.Daemon;

/// <summary>What processes call themselves.</summary>
internal static class ProcessNames
{
    private const int MostCharacters = 32;

    /// <summary>A process's name (/proc/PID/comm), fit to be shown: it is whatever the process likes. Empty where it cannot be read.</summary>
    public static string Read(int processId)
    {
        try
        {
            return Clean(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/comm")));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Without what could move a terminal's cursor.</summary>
    internal static string Clean(string name)
    {
        string trimmed = name.TrimEnd('\n');
        return string.Concat(trimmed.Take(MostCharacters).Select(one => char.IsControl(one) || char.IsSurrogate(one) || char.GetUnicodeCategory(one) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator ? '?' : one));
    }
}
