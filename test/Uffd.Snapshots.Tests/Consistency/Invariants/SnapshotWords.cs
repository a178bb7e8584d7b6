using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Uffd.Snapshots.Tests;

/// <summary>The words of a process, read from a copy of it.</summary>
internal static class SnapshotWords
{
    public const int PageSize = 4096;
    public const int WordsPerPage = PageSize / sizeof(ulong);

    /// <summary>Reads words.</summary>
    /// <exception cref="BrokenInvariantException">The copy does not have them.</exception>
    public static ulong[] ReadWords(this ISnapshot snapshot, ulong address, ulong count)
        => snapshot.TryReadWords(address, count, out ulong[]? words)
            ? words
            : throw new BrokenInvariantException($"the copy has nothing at 0x{address:x}, {count} words");

    public static ulong ReadWord(this ISnapshot snapshot, ulong address) => snapshot.ReadWords(address, 1)[0];

    /// <summary>Reads words, if the copy has them all.</summary>
    public static bool TryReadWords(this ISnapshot snapshot, ulong address, ulong count, [NotNullWhen(true)] out ulong[]? words)
    {
        words = new ulong[count];
        try
        {
            snapshot.Read(address, MemoryMarshal.AsBytes(words.AsSpan()));
            return true;
        }
        catch (EndOfStreamException)
        {
            words = null;
            return false;
        }
    }

    /// <summary>mix() of test/native/invariant.h.</summary>
    public static ulong Mix(ulong value)
    {
        unchecked
        {
            value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
            value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
            return value ^ (value >> 31);
        }
    }

    /// <summary>How many words from the first on count up from a value, one by one.</summary>
    public static int CountUp(ReadOnlySpan<ulong> words, ulong from)
    {
        int index = 0;
        while (index < words.Length && words[index] == unchecked(from + (ulong)index))
        {
            index++;
        }

        return index;
    }
}
