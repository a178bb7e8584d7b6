using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Uffd.Daemon;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary>What the verbs about other processes and their snapshots read from the command line in the same way.</summary>
internal static class SnapshotArguments
{
    private static readonly (string Name, double Milliseconds)[] Units = [("us", 1e-3), ("ms", 1), ("s", 1e3), ("min", 6e4), ("h", 3.6e6)];

    /// <summary>The id of a process.</summary>
    public static Argument<int> Process(string description)
    {
        var argument = new Argument<int>("PID") { Description = description };
        argument.Validators.Add(result =>
        {
            if (result.Tokens is [var token, ..] && !(int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id > 0))
            {
                result.AddError($"{InspectNames.Show(token.Value)} is no process id: it is a number from 1");
            }
        });
        argument.CustomParser = result => int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : 0;
        return argument;
    }

    /// <summary>Refuses an option that is no size, or not within bounds.</summary>
    public static void RequireSize(OptionResult result, ulong least, ulong most, string example)
    {
        if (result.Tokens is [var token, ..] && (!Sizes.TryParse(token.Value, out ulong bytes) || bytes < least || bytes > most))
        {
            result.AddError($"{result.Option.Name} wants a size from {Sizes.Format(least)} to {Sizes.Format(most)}, such as {example}");
        }
    }

    /// <summary>Refuses an option that is no time, or not within bounds.</summary>
    public static void RequireTime(OptionResult result, TimeSpan least, TimeSpan most, string wanted)
    {
        if (result.Tokens is [var token, ..] && (!TryTime(token.Value, out TimeSpan time) || time < least || time > most))
        {
            result.AddError($"{result.Option.Name} wants {wanted}");
        }
    }

    /// <summary>The size that an option names, or null.</summary>
    public static long? SizeOf(string? text) => Sizes.TryParse(text, out ulong bytes) ? (long)Math.Min(bytes, long.MaxValue) : null;

    /// <summary>The time that an option names.</summary>
    public static TimeSpan TimeOf(string? text) => TryTime(text, out TimeSpan time) ? time : TimeSpan.Zero;

    /// <summary>Reads a time: <c>2ms</c>, <c>1.5 s</c>, <c>500us</c>; a number alone is seconds.</summary>
    public static bool TryTime(string? text, out TimeSpan time)
    {
        time = TimeSpan.Zero;
        string trimmed = text?.Trim() ?? "";
        int digits = trimmed.TakeWhile(letter => char.IsAsciiDigit(letter) || letter == '.').Count();
        string unit = trimmed[digits..].Trim();
        double scale = unit.Length == 0 ? 1e3 : Array.Find(Units, known => string.Equals(known.Name, unit, StringComparison.OrdinalIgnoreCase)).Milliseconds;
        if (scale == 0
            || !double.TryParse(trimmed[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            || !(value * scale <= TimeSpan.FromDays(365).TotalMilliseconds))
        {
            return false;
        }

        time = TimeSpan.FromTicks((long)Math.Round(value * scale * TimeSpan.TicksPerMillisecond));
        return true;
    }

    /// <summary>Reads a number: decimal, or hexadecimal behind 0x.</summary>
    public static bool TryNumber(string? text, out ulong number)
    {
        string trimmed = text?.Trim() ?? "";
        return trimmed.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(trimmed.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
            : ulong.TryParse(trimmed, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Whether two paths name one file, as far as their text tells.</summary>
    public static bool SamePath(string first, string second) => string.Equals(Path.GetFullPath(first), Path.GetFullPath(second), StringComparison.Ordinal);
}
