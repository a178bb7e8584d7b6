using System.Globalization;

namespace Uffd.Daemon;

/// <summary>Sizes as people write them.</summary>
public static class Sizes
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>Writes a size: <c>512 MiB</c>, <c>1.5 GiB</c>.</summary>
    /// <param name="bytes">The size.</param>
    public static string Format(ulong bytes)
    {
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {Units[unit]}");
    }

    /// <summary>Reads a size: <c>4096</c>, <c>512MiB</c>, <c>512M</c>, <c>1.5 GiB</c>. Units are powers of 1024.</summary>
    /// <param name="text">The text.</param>
    /// <param name="bytes">The size.</param>
    /// <returns>Whether it is one.</returns>
    public static bool TryParse(string? text, out ulong bytes)
    {
        bytes = 0;
        string trimmed = text?.Trim() ?? "";
        int digits = 0;
        while (digits < trimmed.Length && (char.IsAsciiDigit(trimmed[digits]) || trimmed[digits] == '.'))
        {
            digits++;
        }

        if (!decimal.TryParse(trimmed[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
        {
            return false;
        }

        string unit = trimmed[digits..].Trim();
        int power = Array.FindIndex(Units, known =>
            unit.Equals(known, StringComparison.OrdinalIgnoreCase)
            || (known.Length == 3 && unit.Equals(known[..1], StringComparison.OrdinalIgnoreCase)));
        power = unit.Length == 0 ? 0 : power;
        if (power < 0)
        {
            return false;
        }

        for (int step = 0; step < power && value <= ulong.MaxValue; step++)
        {
            value *= 1024; // at most 2^74, which a decimal holds
        }

        if (value > ulong.MaxValue)
        {
            return false;
        }

        bytes = (ulong)value;
        return true;
    }
}
