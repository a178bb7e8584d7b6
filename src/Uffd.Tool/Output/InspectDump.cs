using System.Globalization;
using System.Text;

namespace Uffd.Tool.Output;

/// <summary>Bytes as a person reads them: sixteen a line, with their addresses.</summary>
internal static class InspectDump
{
    private const int Width = 16;

    /// <summary>Writes lines of a piece that begins at a multiple of sixteen bytes behind the first.</summary>
    public static void Write(ulong address, ReadOnlySpan<byte> bytes, TextWriter output)
    {
        var line = new StringBuilder();
        for (int at = 0; at < bytes.Length; at += Width)
        {
            ReadOnlySpan<byte> part = bytes[at..Math.Min(bytes.Length, at + Width)];
            line.Clear().Append(CultureInfo.InvariantCulture, $"{unchecked(address + (ulong)at):x12} ");
            for (int index = 0; index < Width; index++)
            {
                line.Append(index == Width / 2 ? "  " : " ").Append(index < part.Length ? part[index].ToString("x2", CultureInfo.InvariantCulture) : "  ");
            }

            line.Append("  ");
            foreach (byte value in part)
            {
                line.Append(value is >= 0x20 and < 0x7F ? (char)value : '.');
            }

            output.WriteLine(line);
        }
    }
}
