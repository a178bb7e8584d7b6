using System.Globalization;

namespace Uffd.Tool.Output;

/// <summary>Numbers as people read them.</summary>
internal static class Figures
{
    private static readonly string[] Units = ["", "k", "M", "G", "T", "P", "E"];

    /// <summary>Every digit: <c>130,260</c>.</summary>
    public static string Exact(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>As much as a narrow column shows, in powers of 1000: <c>812</c>, <c>7,870</c>, <c>130k</c>, <c>1.2M</c>.</summary>
    public static string Short(double number)
    {
        if (number < 9_999.5)
        {
            return number.ToString(number is > 0 and < 9.95 && !double.IsInteger(number) ? "0.0" : "N0", CultureInfo.InvariantCulture);
        }

        int unit = 0;
        while (number >= 999.5 && unit < Units.Length - 1)
        {
            number /= 1000;
            unit++;
        }

        return number.ToString(number < 9.95 ? "0.0" : "0", CultureInfo.InvariantCulture) + Units[unit];
    }

    /// <summary>A duration: <c>14.4 us</c>, <c>2.1 ms</c>, <c>1.5 s</c>; a dash where there was none.</summary>
    public static string Duration(double nanoseconds) => nanoseconds switch
    {
        <= 0 => "-",
        < 999_500 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e3:0.0} us"),
        < 999_500_000 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e6:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e9:0.0} s"),
    };

    /// <summary>A time that something has been running: <c>4.2 s</c>, <c>3 min 05 s</c>, <c>2 h 10 min</c>, <c>3 d 4 h</c>.</summary>
    public static string Span(double seconds)
    {
        var span = TimeSpan.FromSeconds(Math.Max(0, seconds));
        return span.TotalMinutes < 1 ? string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s")
            : span.TotalHours < 1 ? string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds:00} s")
            : span.TotalDays < 1 ? string.Create(CultureInfo.InvariantCulture, $"{span.Hours} h {span.Minutes:00} min")
            : string.Create(CultureInfo.InvariantCulture, $"{span.Days} d {span.Hours} h");
    }
}
