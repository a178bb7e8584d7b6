using System.Globalization;
using System.Text;

namespace Uffd.Bench;

/// <summary>Figures as people read them.</summary>
internal static class TextTable
{
    /// <summary>Rows in columns.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="rows">All of one length; the first is the head.</param>
    /// <param name="words">How many columns, from the left, are words and not figures.</param>
    public static void Append(StringBuilder text, IReadOnlyList<string[]> rows, int words)
    {
        foreach (var row in rows)
        {
            for (var column = 0; column < row.Length; column++)
            {
                var width = rows.Max(r => r[column].Length);
                text.Append(column < words ? row[column].PadRight(width) : row[column].PadLeft(width)).Append("  ");
            }

            text.Length -= 2;
            text.AppendLine();
        }

        text.AppendLine();
    }

    public static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
