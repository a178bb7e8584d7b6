using System.Globalization;

namespace Uffd.Daemon;

/// <summary>The mappings of a process that are registered for missing faults, as /proc/PID/smaps tells (VmFlags "um").</summary>
internal static class RegisteredRanges
{
    /// <summary>Reads them; none when the process is gone or may not be looked at.</summary>
    public static IReadOnlyList<AddressRange> Read(int processId)
    {
        try
        {
            return Parse(File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/smaps")));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Picks the registered mappings out of the lines of smaps.</summary>
    internal static IReadOnlyList<AddressRange> Parse(IEnumerable<string> lines)
    {
        var ranges = new List<AddressRange>();
        AddressRange? current = null;
        foreach (string line in lines)
        {
            if (line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                if (current is { } range && line.Split(' ').Contains("um", StringComparer.Ordinal))
                {
                    ranges.Add(range);
                }

                current = null;
            }
            else if (TryParseHeader(line, out AddressRange header))
            {
                current = header;
            }
        }

        return ranges;
    }

    /// <summary>Poisons what is missing in a range; what is there stays.</summary>
    public static void Poison(Userfaultfd userfaultfd, AddressRange range)
    {
        ulong page = (ulong)Environment.SystemPageSize;
        int retries = 0;
        while (!range.IsEmpty)
        {
            UffdResult result = userfaultfd.PoisonAll(range);
            range = range.Skip(result.Bytes);
            if (range.IsEmpty)
            {
                return;
            }

            if (result.Errno is Errno.EEXIST)
            {
                range = range.Skip(page);
            }
            else if (result.Errno != Errno.EAGAIN || ++retries > 1000)
            {
                return;
            }
        }
    }

    private static bool TryParseHeader(string line, out AddressRange range)
    {
        range = default;
        int dash = line.IndexOf('-', StringComparison.Ordinal);
        int space = line.IndexOf(' ', StringComparison.Ordinal);
        if (dash <= 0 || space <= dash
            || !ulong.TryParse(line.AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong start)
            || !ulong.TryParse(line.AsSpan(dash + 1, space - dash - 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong end)
            || end <= start)
        {
            return false;
        }

        range = AddressRange.FromBounds(start, end);
        return true;
    }
}
