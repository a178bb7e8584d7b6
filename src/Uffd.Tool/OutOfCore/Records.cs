using System.Runtime.InteropServices;

namespace Uffd.Tool.OutOfCore;

/// <summary>What the demo keeps in its file: records of which every word tells which record it is and how often it was written.</summary>
internal static class Records
{
    /// <summary>Bytes of a record: a page holds whole ones.</summary>
    public const int Size = 256;

    /// <summary>Makes a record.</summary>
    public static void Fill(Span<byte> record, long index, uint version)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(record);
        ulong seed = Seed(index, version);
        for (int word = 0; word < words.Length; word++)
        {
            words[word] = Word(seed, word);
        }
    }

    /// <summary>Whether a record is what it was when it was last written, in every word.</summary>
    public static bool IsRight(ReadOnlySpan<byte> record, long index, uint version)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(record);
        ulong seed = Seed(index, version);
        ulong difference = 0;
        for (int word = 0; word < words.Length; word++)
        {
            difference |= words[word] ^ Word(seed, word);
        }

        return difference == 0;
    }

    /// <summary>Makes the file: every record as it is before it was written.</summary>
    public static void MakeFile(string path, long length, Action<double> progress, CancellationToken cancellation)
    {
        byte[] buffer = new byte[1 << 20];
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (long done = 0; done < length; done += buffer.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(buffer.Length, length - done);
            for (int at = 0; at < count; at += Size)
            {
                Fill(buffer.AsSpan(at, Size), (done + at) / Size, version: 0);
            }

            file.Write(buffer, 0, count);
            progress((double)(done + count) / length);
        }

        file.Flush(flushToDisk: true); // pages that wait to be written would be in the way of what is measured
    }

    private static ulong Seed(long index, uint version) => unchecked(((ulong)index * 0x9E3779B97F4A7C15) + (version * 0xD1B54A32D192ED03) + 1);

    private static ulong Word(ulong seed, int word) => unchecked((seed + ((ulong)word * 0xBF58476D1CE4E5B9)) ^ (seed >> 31));
}
