using System.Numerics;
using System.Runtime.InteropServices;

namespace Uffd.Bench;

/// <summary>Adds up 64-bit words as the C compiler does at its best.</summary>
internal static class Words
{
    public static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        var vectors = MemoryMarshal.Cast<byte, Vector<ulong>>(bytes);
        var sums = Vector<ulong>.Zero;
        foreach (var vector in vectors)
        {
            sums += vector;
        }

        var sum = Vector.Sum(sums);
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes[(vectors.Length * Vector<byte>.Count)..]))
        {
            sum = unchecked(sum + word);
        }

        return sum;
    }
}
