using System.Globalization;

namespace Uffd.Daemon;

/// <summary>A mapping that is registered for missing faults.</summary>
/// <param name="Range">Where.</param>
/// <param name="PageSize">The size of its pages, in which it must be poisoned.</param>
internal readonly record struct RegisteredRange(AddressRange Range, ulong PageSize)
{
    private const int MaxRetries = 1000;

    /// <summary>What is left of it without other ranges.</summary>
    /// <param name="others">Sorted, without overlap.</param>
    public IEnumerable<RegisteredRange> Without(IEnumerable<AddressRange> others)
    {
        AddressRange rest = Range;
        foreach (AddressRange other in others)
        {
            if (!rest.Overlaps(other))
            {
                continue;
            }

            if (other.Start > rest.Start)
            {
                yield return this with { Range = AddressRange.FromBounds(rest.Start, other.Start) };
            }

            rest = other.End < rest.End ? AddressRange.FromBounds(other.End, rest.End) : new AddressRange(rest.End, 0);
        }

        if (!rest.IsEmpty)
        {
            yield return this with { Range = rest };
        }
    }

    /// <summary>Poisons what is missing; what is there stays.</summary>
    /// <param name="userfaultfd">The range's.</param>
    /// <param name="readsEvents">Whether nobody else reads the events, without which nothing can be poisoned.</param>
    public void Poison(Userfaultfd userfaultfd, bool readsEvents)
    {
        AddressRange rest = Range;
        for (int retries = 0; !rest.IsEmpty && retries < MaxRetries;)
        {
            UffdResult result = userfaultfd.PoisonAll(rest);
            rest = rest.Skip(result.Bytes);
            switch (result.Errno)
            {
                case Errno.None:
                    break;
                case Errno.EEXIST:
                    rest = rest.Skip(Math.Min(PageSize, rest.Length));
                    break;
                case Errno.EAGAIN or Errno.EINTR:
                    retries++;
                    if (readsEvents)
                    {
                        ReadEvents(userfaultfd);
                    }
                    else
                    {
                        Thread.Sleep(1); // whoever serves it reads them
                    }

                    break;
                default:
                    return;
            }
        }
    }

    /// <summary>A child forked meanwhile has the same fate.</summary>
    private void ReadEvents(Userfaultfd userfaultfd)
    {
        using var reader = new UffdEventReader(userfaultfd);
        while (reader.Read() > 0)
        {
            for (int index = 0; index < reader.Count; index++)
            {
                if (reader[index].Kind == UffdEventKind.Fork)
                {
                    using Userfaultfd child = reader[index].Forked;
                    Poison(child, readsEvents: true);
                }
            }
        }
    }
}

/// <summary>The mappings of a process that are registered for missing faults, as /proc/PID/smaps tells (VmFlags "um").</summary>
internal static class RegisteredRanges
{
    /// <summary>Reads them.</summary>
    /// <returns>False when the process may not be looked at.</returns>
    public static bool TryRead(int processId, out IReadOnlyList<RegisteredRange> ranges)
    {
        try
        {
            ranges = Parse(File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/smaps")));
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            ranges = [];
            return false;
        }
    }

    /// <summary>Picks the registered mappings out of the lines of smaps.</summary>
    internal static IReadOnlyList<RegisteredRange> Parse(IEnumerable<string> lines)
    {
        var ranges = new List<RegisteredRange>();
        AddressRange? current = null;
        ulong pageSize = 0;
        foreach (string line in lines)
        {
            if (line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                if (current is { } range && line.Split(' ').Contains("um", StringComparer.Ordinal))
                {
                    ranges.Add(new RegisteredRange(range, pageSize));
                }

                current = null;
            }
            else if (line.StartsWith("KernelPageSize:", StringComparison.Ordinal))
            {
                pageSize = ParseKilobytes(line) is > 0 and { } size ? size : pageSize;
            }
            else if (TryParseHeader(line, out AddressRange header))
            {
                current = header;
                pageSize = (ulong)Environment.SystemPageSize;
            }
        }

        return ranges;
    }

    /// <summary>The number of a line <c>NAME:   2048 kB</c> in bytes.</summary>
    private static ulong? ParseKilobytes(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 3 && ulong.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) && number < ulong.MaxValue >> 10
            ? number << 10
            : null;
    }

    private static bool TryParseHeader(string line, out AddressRange range)
    {
        range = default;
        int dash = line.IndexOf('-', StringComparison.Ordinal);
        int space = line.IndexOf(' ', StringComparison.Ordinal);
        if (dash <= 0 || space <= dash
            || !ulong.TryParse(line.AsSpan(0, dash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong start)
            || !ulong.TryParse(line.AsSpan(dash + 1, space - dash - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong end)
            || end <= start)
        {
            return false;
        }

        range = AddressRange.FromBounds(start, end);
        return true;
    }
}
