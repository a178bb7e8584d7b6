using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VectorSearch;

/// <summary>A vector of 128 numbers: an element of a paged array.</summary>
[InlineArray(Dimensions)]
internal struct Embedding
{
    public const int Dimensions = 128;

    private float _first;

    /// <summary>The dot product, with the processor's vectors.</summary>
    public static float Dot(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        ReadOnlySpan<Vector<float>> lefts = MemoryMarshal.Cast<float, Vector<float>>(left);
        ReadOnlySpan<Vector<float>> rights = MemoryMarshal.Cast<float, Vector<float>>(right);
        Vector<float> sums = Vector<float>.Zero;
        for (int index = 0; index < lefts.Length; index++)
        {
            sums += lefts[index] * rights[index];
        }

        return Vector.Sum(sums);
    }

    /// <summary>The same, number by number.</summary>
    public static float DotPlainly(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        float sum = 0;
        for (int index = 0; index < left.Length; index++)
        {
            sum += left[index] * right[index];
        }

        return sum;
    }
}
