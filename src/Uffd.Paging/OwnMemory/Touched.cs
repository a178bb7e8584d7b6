namespace Uffd.Paging;

/// <summary>
/// What is being touched in a region, gathered once for a batch of pages whose states were changed before. Not for several threads
/// at once; used again for the next batch.
/// </summary>
internal sealed class Touched(AddressRange region, LeaseTable leases)
{
    private readonly List<AddressRange> _all = [];
    private readonly List<AddressRange> _accesses = [];
    private readonly List<AddressRange> _leased = [];
    private readonly List<AddressRange> _writeLeased = [];

    /// <summary>
    /// Gathers. Whoever entered before the states were changed is in it; whoever enters later sees the states: the barrier runs on
    /// every thread of the process, between its store to its slot and its load of a state, or before both.
    /// </summary>
    public void Gather()
    {
        _accesses.Clear();
        _leased.Clear();
        _writeLeased.Clear();
        _all.Clear();
        Interlocked.MemoryBarrierProcessWide();
        ThreadSlots.Collect(region, _accesses);
        leases.Collect(_leased, _writeLeased);
        _all.AddRange(_accesses);
        _all.AddRange(_leased);
        Merge(_all);
        Merge(_accesses);
        Merge(_writeLeased);
    }

    /// <summary>The same of leases only.</summary>
    public void GatherLeases()
    {
        _accesses.Clear();
        _writeLeased.Clear();
        _all.Clear();
        Interlocked.MemoryBarrierProcessWide();
        leases.Collect(_all, writing: null);
        Merge(_all);
    }

    /// <summary>Whether an access or a lease is in a range.</summary>
    public bool Any(ulong start, ulong length) => Overlaps(_all, start, length);

    /// <summary>Whether a short access is in it: it will be over in a moment.</summary>
    public bool ByAccess(ulong start, ulong length) => Overlaps(_accesses, start, length);

    /// <summary>Whether a lease that may write is in it.</summary>
    public bool ByWriteLease(ulong start, ulong length) => Overlaps(_writeLeased, start, length);

    private static void Merge(List<AddressRange> ranges)
    {
        if (ranges.Count < 2)
        {
            return;
        }

        ranges.Sort(static (one, other) => one.Start.CompareTo(other.Start));
        int last = 0;
        for (int index = 1; index < ranges.Count; index++)
        {
            if (ranges[index].Start <= ranges[last].End)
            {
                ranges[last] = AddressRange.FromBounds(ranges[last].Start, Math.Max(ranges[last].End, ranges[index].End));
            }
            else
            {
                ranges[++last] = ranges[index];
            }
        }

        ranges.RemoveRange(last + 1, ranges.Count - last - 1);
    }

    private static bool Overlaps(List<AddressRange> merged, ulong start, ulong length)
    {
        if (merged.Count == 0)
        {
            return false;
        }

        int next = Bisection.First(merged.Count, new EndsAfter(merged, start));
        return next < merged.Count && merged[next].Start < start + length;
    }

    private readonly struct EndsAfter(List<AddressRange> ranges, ulong address) : IBisected
    {
        public bool HoldsAt(int index) => ranges[index].End > address;
    }
}
