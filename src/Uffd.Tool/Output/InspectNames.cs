using System.Globalization;
using System.Text;

namespace Uffd.Tool.Output;

/// <summary>
/// Names that others chose, made fit to be shown: a process, a file and a thread may be called what their maker likes, and a terminal obeys control
/// characters and turns text around at others.
/// </summary>
internal static class InspectNames
{
    /// <summary>The name with everything that is not shown as itself written as <c>\u{1b}</c>; a newline as <c>\n</c>, a tab as <c>\t</c>.</summary>
    public static string Show(string name)
    {
        if (name.All(letter => letter is >= ' ' and < (char)0x7F))
        {
            return name;
        }

        var text = new StringBuilder(name.Length + 16);
        foreach (Rune rune in name.EnumerateRunes())
        {
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.Control when rune.Value == '\n':
                    text.Append("\\n");
                    break;
                case UnicodeCategory.Control when rune.Value == '\t':
                    text.Append("\\t");
                    break;
                case UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
                    or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator:
                    text.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
                    break;
                default:
                    text.Append(rune);
                    break;
            }
        }

        return text.ToString();
    }

    /// <summary>The same, at most so long: of a path the end says the most.</summary>
    public static string Show(string name, int length)
    {
        string shown = Show(name);
        return shown.Length <= length ? shown : length < 4 ? shown[..Math.Max(0, length)] : $"...{shown[^(length - 3)..]}";
    }

    /// <summary>How long names may be in the last column of a table that is drawn with two characters between its columns.</summary>
    /// <param name="rows">All rows, the heading and the totals among them.</param>
    /// <param name="width">Characters in a line.</param>
    /// <param name="least">The fewest.</param>
    public static int RoomOf(IReadOnlyList<IReadOnlyList<string>> rows, int width, int least)
    {
        const int Gap = 2;
        const int Margin = 3;
        int others = rows[0].Count - 1;
        return Math.Max(least, width - Enumerable.Range(0, others).Sum(column => rows.Max(row => row[column].Length) + Gap) - Margin);
    }
}
