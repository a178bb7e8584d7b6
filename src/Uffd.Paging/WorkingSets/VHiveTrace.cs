using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Uffd.Paging;

/// <summary>
/// The trace that vHive keeps of a snapshot: a line a page, the offset of its first byte in hexadecimal without a prefix, in
/// order of first touch. Older ones have further columns, which say nothing of the order.
/// </summary>
internal static class VHiveTrace
{
    private const ulong PageSize = 4096;
    private const int MaxPages = WorkingSet.MaxRuns;

    /// <exception cref="InvalidDataException">It is none: one line says why.</exception>
    public static WorkingSet Parse(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
        {
            throw new InvalidDataException("it is empty");
        }

        var runs = new List<SourceRange>();
        var seen = new HashSet<ulong>();
        int number = 0;
        while (!text.IsEmpty)
        {
            int end = text.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? text : text[..end];
            text = end < 0 ? [] : text[(end + 1)..];
            ulong offset = ParseLine(line, ++number);
            if (!seen.Add(offset))
            {
                continue; // its first touch counts
            }

            if (seen.Count > MaxPages)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"it has more than {MaxPages} pages"));
            }

            if (runs.Count > 0 && runs[^1].End == offset)
            {
                runs[^1] = runs[^1] with { Length = runs[^1].Length + PageSize };
            }
            else
            {
                runs.Add(new SourceRange(offset, PageSize));
            }
        }

        return WorkingSet.Trusted([.. runs], PageSize, imageLength: 0);
    }

    /// <exception cref="ArgumentException">It has too many pages.</exception>
    public static byte[] Format(WorkingSet set)
    {
        if (set.TotalBytes / PageSize > MaxPages)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"a vHive trace has a line a page, and {set.TotalBytes / PageSize} are more than {MaxPages}"), nameof(set));
        }

        var text = new StringBuilder();
        foreach (SourceRange run in set.Runs)
        {
            for (ulong done = 0; done < run.Length; done += PageSize)
            {
                text.Append(CultureInfo.InvariantCulture, $"{run.Offset + done:x}\n");
            }
        }

        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private static ulong ParseLine(ReadOnlySpan<byte> line, int number)
    {
        int comma = line.IndexOf((byte)',');
        ReadOnlySpan<byte> column = (comma < 0 ? line : line[..comma]).TrimEnd((byte)'\r');
        bool isOne = Utf8Parser.TryParse(column, out ulong offset, out int used, 'x') && used == column.Length;
        return isOne && offset % PageSize == 0 && offset <= ulong.MaxValue - (2 * PageSize)
            ? offset
            : throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"it is neither one of uffd nor a trace of vHive: line {number} is not the offset of a page of {PageSize} bytes in hexadecimal"));
    }
}
