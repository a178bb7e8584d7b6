using System.Globalization;

namespace Uffd.Diagnostics;

/// <summary>
/// Reads the text of /proc, /sys and /etc. Pure functions: text that is absent, cut short or of another form gives null, never
/// an exception, because containers and other kernels show what they like.
/// </summary>
internal static class ProcText
{
    /// <summary>A whole file that is one decimal number.</summary>
    public static long? Number(string? text)
        => long.TryParse(text?.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null;

    /// <summary>The chosen word of <c>always [madvise] never</c>; a file of a single word is that word.</summary>
    public static string? Chosen(string? text)
    {
        string[] words = Words(text);
        string? bracketed = Array.Find(words, word => word is ['[', _, .., ']']);
        return bracketed is not null ? bracketed[1..^1]
            : words is [var only] && only.All(char.IsAsciiLetterOrDigit) ? only
            : null;
    }

    /// <summary>The value behind <c>NAME:</c> in text like /proc/PID/status.</summary>
    public static string? Field(string? text, string name)
    {
        foreach (string line in Lines(text))
        {
            if (line.Length > name.Length && line[name.Length] == ':' && line.StartsWith(name, StringComparison.Ordinal))
            {
                string value = line[(name.Length + 1)..].Trim();
                return value.Length > 0 ? value : null;
            }
        }

        return null;
    }

    /// <summary>Whether a bit is set in a capability set of /proc/PID/status, which is hexadecimal.</summary>
    public static bool? HasCapability(string? status, string set, int capability)
        => ulong.TryParse(Field(status, set), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong bits)
            ? (bits >> capability & 1) != 0
            : null;

    /// <summary>A line of /proc/PID/limits: its name has spaces, its columns too many.</summary>
    public static ResourceLimit? Limit(string? limits, string name)
    {
        foreach (string line in Lines(limits))
        {
            if (line.StartsWith(name, StringComparison.Ordinal)
                && Words(line[name.Length..]) is [var soft, var hard, ..]
                && TryLimit(soft, out long? softValue)
                && TryLimit(hard, out long? hardValue))
            {
                return new ResourceLimit(softValue, hardValue);
            }
        }

        return null;
    }

    /// <summary>Whether a kernel configuration has an option, built in or as a module; null when it does not mention it.</summary>
    public static bool? ConfigHas(string? config, string option)
    {
        foreach (string line in Lines(config))
        {
            if (line.StartsWith(option, StringComparison.Ordinal) && line.AsSpan(option.Length) is ['=', 'y' or 'm', ..])
            {
                return true;
            }

            if (string.Equals(line.Trim(), $"# {option} is not set", StringComparison.Ordinal))
            {
                return false;
            }
        }

        return null;
    }

    /// <summary>Whether /proc/misc lists a device: <c>257 userfaultfd</c>.</summary>
    public static bool? MiscHas(string? misc, string device)
        => misc is null ? null : Lines(misc).Any(line => Words(line) is [_, var name] && string.Equals(name, device, StringComparison.Ordinal));

    /// <summary>The name of a user or group number, in text like /etc/passwd and /etc/group; the number where there is none.</summary>
    public static string NameOf(string? table, uint id)
    {
        string number = id.ToString(CultureInfo.InvariantCulture);
        return Lines(table)
            .Select(line => line.Split(':'))
            .FirstOrDefault(fields => fields is [{ Length: > 0 }, _, var value, ..] && string.Equals(value, number, StringComparison.Ordinal))?[0]
            ?? number;
    }

    /// <summary>A file's type and permissions as ls shows them: <c>crw-------</c>.</summary>
    public static string Mode(int mode)
    {
        const string Bits = "rwxrwxrwx";
        char type = (mode & 0xF000) switch
        {
            0x2000 => 'c',
            0x4000 => 'd',
            0x6000 => 'b',
            0x8000 => '-',
            0xA000 => 'l',
            0xC000 => 's',
            0x1000 => 'p',
            _ => '?',
        };
        return type + string.Concat(Bits.Select((letter, index) => (mode >> (8 - index) & 1) != 0 ? letter : '-'));
    }

    private static bool TryLimit(string text, out long? value)
    {
        value = Number(text);
        return value is not null || string.Equals(text, "unlimited", StringComparison.Ordinal);
    }

    private static string[] Lines(string? text) => text?.Split('\n') ?? [];

    private static string[] Words(string? text)
        => text?.Split([' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries) ?? [];
}
