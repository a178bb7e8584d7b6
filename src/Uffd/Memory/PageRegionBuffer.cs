using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd;

/// <summary>
/// Room for the runs of many scans, one behind the other, in an array that stays where it is and that the kernel writes into: nothing is copied and nothing
/// allocated while a process stands. Not for several threads at once.
/// </summary>
public sealed unsafe class PageRegionBuffer
{
    private page_region[] _regions;

    /// <summary>Makes room, and touches it so that it is there.</summary>
    /// <param name="capacity">How many runs; at least 1.</param>
    public PageRegionBuffer(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _regions = GC.AllocateArray<page_region>(capacity, pinned: true);
        _regions.AsSpan().Clear(); // touched now, not during a scan
    }

    /// <summary>How many runs it has room for.</summary>
    public int Capacity => _regions.Length;

    /// <summary>How many runs are in it.</summary>
    public int Count { get; private set; }

    /// <summary>Where the kernel writes next. Pinned: the address holds as long as the array.</summary>
    internal page_region* Free => (page_region*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_regions)) + Count;

    /// <summary>A run.</summary>
    /// <param name="index">Which, from 0.</param>
    public PageRegion this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            ref page_region region = ref _regions[index];
            return new PageRegion(AddressRange.FromBounds(region.start, region.end), (PageCategories)region.categories);
        }
    }

    /// <summary>Forgets the runs; the room stays.</summary>
    public void Clear() => Count = 0;

    /// <summary>Forgets the last runs.</summary>
    /// <param name="count">How many are kept.</param>
    public void Truncate(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        Count = count;
    }

    /// <summary>Makes twice the room; the runs stay.</summary>
    public void Grow()
    {
        page_region[] larger = GC.AllocateArray<page_region>(checked(Capacity * 2), pinned: true);
        _regions.AsSpan(0, Count).CopyTo(larger);
        _regions = larger;
    }

    internal void Took(int count) => Count += count;
}
