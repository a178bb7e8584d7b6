using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>A question about items in order: no up to one of them, and yes from there on.</summary>
internal interface IBisected
{
    bool HoldsAt(int index);
}

/// <summary>Finds where an answer changes, in a time that grows with the logarithm of the number of items.</summary>
internal static class Bisection
{
    /// <summary>The first index for which it holds, or <paramref name="count"/> when there is none.</summary>
    /// <remarks>For structs: each question becomes code of its own, as if it were written out. Faults go through here.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int First<T>(int count, T question)
        where T : struct, IBisected
    {
        int low = 0;
        int high = count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (question.HoldsAt(middle))
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }
}
