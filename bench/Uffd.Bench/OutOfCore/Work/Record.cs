using System.Runtime.InteropServices;

namespace Uffd.Bench;

/// <summary>
/// A record of the file that is larger than memory: whose it is, how often it was written, and a mix of both that a torn, stale
/// or misplaced record has not. The C program has the same (<c>outofcore.h</c>).
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Record
{
    /// <summary>A line of the cache: whole records to a page.</summary>
    public const int Size = 64;

    private ulong number;
    private ulong writes;
    private ulong filler0;
    private ulong filler1;
    private ulong filler2;
    private ulong filler3;
    private ulong filler4;
    private ulong check;

    /// <summary>A record that was written so often.</summary>
    public Record(ulong number, ulong writes)
    {
        this.number = number;
        this.writes = writes;
        filler0 = filler1 = filler2 = filler3 = filler4 = unchecked(number + writes);
        check = CheckOf(number, writes);
    }

    public readonly ulong Writes => writes;

    public readonly ulong Check => check;

    public readonly bool IsRight(ulong expected) => number == expected && check == CheckOf(expected, writes);

    /// <summary>The finalizer of SplitMix64: every bit of the result hangs on every bit of the value.</summary>
    public static ulong Mix(ulong value)
    {
        unchecked
        {
            value += 0x9E3779B97F4A7C15;
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
            return value ^ (value >> 31);
        }
    }

    private static ulong CheckOf(ulong number, ulong writes) => Mix(number ^ Mix(writes));
}
