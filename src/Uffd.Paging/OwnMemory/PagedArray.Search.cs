namespace Uffd.Paging;

/// <content>Finding elements.</content>
public sealed partial class PagedArray<T>
{
    /// <summary>Finds the first element that equals a value, with vectors where the type allows it.</summary>
    /// <param name="value">The value.</param>
    /// <param name="from">The index to begin at.</param>
    /// <param name="comparer">What equal means; null for the type's own way.</param>
    /// <returns>Its index, or -1.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="from"/> is not inside this.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public long IndexOf(T value, long from = 0, IEqualityComparer<T>? comparer = null)
    {
        Check(from, 0);
        long start = from;
        foreach (ReadOnlySpan<T> block in Slice(from, Length - from).Blocks())
        {
            int found = block.IndexOf(value, comparer);
            if (found >= 0)
            {
                return start + found;
            }

            start += block.Length;
        }

        return -1;
    }

    /// <summary>Finds a value in an array that is sorted, and touches as many pages as there are steps.</summary>
    /// <param name="value">The value.</param>
    /// <param name="comparer">The order it is sorted in; null for the type's own.</param>
    /// <returns>The index of an element that equals it; if there is none, the bitwise complement of the index where it would belong.</returns>
    /// <exception cref="InvalidOperationException">The type has no order of its own, and no comparer was given.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public long BinarySearch(T value, IComparer<T>? comparer = null)
    {
        if (comparer is null && !typeof(IComparable<T>).IsAssignableFrom(typeof(T)) && !typeof(IComparable).IsAssignableFrom(typeof(T)))
        {
            throw new InvalidOperationException($"{typeof(T)} has no order of its own: give a comparer");
        }

        comparer ??= Comparer<T>.Default;
        long low = 0;
        long high = Length - 1;
        while (low <= high)
        {
            long middle = low + ((high - low) / 2);
            int order = comparer.Compare(this[middle], value);
            if (order == 0)
            {
                return middle;
            }

            if (order < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return ~low;
    }
}
