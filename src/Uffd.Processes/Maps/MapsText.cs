using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Uffd.Processes;

/// <summary>
/// Reads lines of proc_pid_maps(5), from bytes: <c>start-end rwxp offset major:minor inode   name</c>. A name is all that follows, spaces too; of a
/// newline in it the kernel makes \012, and nothing else is changed, so a name that has \012 in it cannot be told from one with a newline.
/// </summary>
internal ref struct MapsText
{
    private const int ShownOfLine = 80;
    private static ReadOnlySpan<byte> Newline => "\\012"u8;

    private ReadOnlySpan<byte> _rest;
    private ReadOnlySpan<byte> _lastName;
    private string _lastText;

    public MapsText(ReadOnlySpan<byte> text)
    {
        _rest = text;
        _lastName = default;
        _lastText = string.Empty;
        Number = 0;
    }

    /// <summary>The number of the line last taken, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>Takes the next line, without its end.</summary>
    public bool TryNext(out ReadOnlySpan<byte> line)
    {
        if (_rest.IsEmpty)
        {
            line = default;
            return false;
        }

        int end = _rest.IndexOf((byte)'\n');
        line = end < 0 ? _rest : _rest[..end];
        _rest = end < 0 ? default : _rest[(end + 1)..];
        Number++;
        return true;
    }

    /// <summary>Reads a line of a mapping.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public MappedRegion Parse(ReadOnlySpan<byte> line, ulong atLeast)
    {
        ReadOnlySpan<byte> rest = line;
        if (!TryHex(ref rest, (byte)'-', out ulong start)
            || !TryHex(ref rest, (byte)' ', out ulong end)
            || !TryPermissions(ref rest, out RegionPermissions permissions)
            || !TryHex(ref rest, (byte)' ', out ulong offset)
            || !TryHex(ref rest, (byte)':', out ulong major)
            || !TryHex(ref rest, (byte)' ', out ulong minor)
            || !TryDecimal(ref rest, out ulong inode))
        {
            throw Invalid(line, "is no line of /proc/PID/maps");
        }

        if (start >= end || start < atLeast || major > uint.MaxValue || minor > uint.MaxValue)
        {
            throw Invalid(line, start < atLeast ? "lies before the end of the mapping above it" : "has numbers that no mapping has");
        }

        return new MappedRegion(AddressRange.FromBounds(start, end), permissions, offset, Device((uint)major, (uint)minor), inode, NameOf(rest.TrimStart((byte)' ')));
    }

    /// <summary>
    /// Reads a line of a process that runs. The kernel writes the text in pieces: a mapping that joined or grew between two of them may reach back over the one above it. It
    /// begins behind that then; nothing is left of one that lies before its end.
    /// </summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public MappedRegion? ParseLive(ReadOnlySpan<byte> line, ulong atLeast)
    {
        MappedRegion region = Parse(line, atLeast: 0);
        ulong start = Math.Max(region.Range.Start, atLeast);
        return start >= region.Range.End ? null
            : start == region.Range.Start ? region
            : region with { Range = AddressRange.FromBounds(start, region.Range.End), Offset = region.Inode == 0 ? region.Offset : region.Offset + (start - region.Range.Start) };
    }

    /// <summary>What a text is not, with its line.</summary>
    public readonly InvalidDataException Invalid(ReadOnlySpan<byte> line, string what)
        => new(string.Create(CultureInfo.InvariantCulture, $"line {Number} {what}: {Shown(line)}"));

    /// <summary>As the C library's makedev(3) encodes it.</summary>
    internal static ulong Device(uint major, uint minor)
        => ((major & 0xFFFFF000UL) << 32) | ((major & 0xFFFUL) << 8) | ((minor & 0xFFFFFF00UL) << 12) | (minor & 0xFFUL);

    private static string Shown(ReadOnlySpan<byte> line)
    {
        var text = new StringBuilder();
        foreach (byte value in line[..Math.Min(line.Length, ShownOfLine)])
        {
            text.Append(value is >= 0x20 and < 0x7F ? (char)value : '?');
        }

        return line.Length > ShownOfLine ? text.Append("...").ToString() : text.ToString();
    }

    private static bool TryHex(ref ReadOnlySpan<byte> text, byte end, out ulong value)
    {
        bool isNumber = Utf8Parser.TryParse(text, out value, out int length, 'x') && length <= 16 && length < text.Length && text[length] == end;
        text = isNumber ? text[(length + 1)..] : text;
        return isNumber;
    }

    private static bool TryDecimal(ref ReadOnlySpan<byte> text, out ulong value)
    {
        bool isNumber = Utf8Parser.TryParse(text, out value, out int length) && (length == text.Length || text[length] == ' ');
        text = isNumber ? text[length..] : text;
        return isNumber;
    }

    private static bool TryPermissions(ref ReadOnlySpan<byte> text, out RegionPermissions permissions)
    {
        permissions = RegionPermissions.None;
        if (text is not [(byte)'r' or (byte)'-', (byte)'w' or (byte)'-', (byte)'x' or (byte)'-', (byte)'s' or (byte)'p', (byte)' ', ..])
        {
            return false;
        }

        permissions = (text[0] == 'r' ? RegionPermissions.Read : 0)
            | (text[1] == 'w' ? RegionPermissions.Write : 0)
            | (text[2] == 'x' ? RegionPermissions.Execute : 0)
            | (text[3] == 's' ? RegionPermissions.Shared : 0);
        text = text[5..];
        return true;
    }

    /// <summary>Neighbours often have one name: it is made once.</summary>
    private string NameOf(ReadOnlySpan<byte> name)
    {
        if (!name.SequenceEqual(_lastName))
        {
            _lastName = name;
            _lastText = name.IndexOf(Newline) < 0 ? Encoding.UTF8.GetString(name) : Encoding.UTF8.GetString(name).Replace("\\012", "\n", StringComparison.Ordinal);
        }

        return _lastText;
    }
}
