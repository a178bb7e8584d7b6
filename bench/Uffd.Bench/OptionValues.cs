using System.Globalization;

namespace Uffd.Bench;

/// <summary>Reads the values of options.</summary>
internal static class OptionValues
{
    public static string Next(string name, ref ReadOnlySpan<string> args)
    {
        if (args is not [var value, ..])
        {
            throw new BenchException($"{name} needs a value");
        }

        args = args[1..];
        return value;
    }

    public static int Count(string name, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value is > 0 and < 10_000_000
            ? value
            : throw new BenchException($"{name} wants a whole number above 0, not {text}");

    public static long Size(string name, string text)
    {
        var (digits, shift) = text switch
        {
            _ when text.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 10),
            _ when text.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 20),
            _ when text.EndsWith("GiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 30),
            _ => (text, 0),
        };
        var size = long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            && value <= long.MaxValue >> 30
            ? value << shift
            : 0;
        return size > 0 && size % BenchOptions.PageSize == 0
            ? size
            : throw new BenchException($"{name} wants a size in whole pages, as 800MiB, not {text}");
    }
}
