using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>What the pager knows of one page.</summary>
internal enum PageState : byte
{
    /// <summary>To be filled from the source. Zero, so that an untouched map costs no memory.</summary>
    Missing = 0,

    /// <summary>Claimed: one thread is filling it.</summary>
    Filling,

    /// <summary>Claimed, and a fault waits for it: if the fill fails, the fault must be served anew.</summary>
    FillingWanted,

    /// <summary>A fault waits for it in the list of those that are tried again later.</summary>
    Parked,

    /// <summary>There.</summary>
    Present,

    /// <summary>Discarded by its process: zeros from now on, and never the source's bytes again.</summary>
    Removed,

    /// <summary>Poisoned, because its content could not be had.</summary>
    Poisoned,

    /// <summary>The kernel said that it is not registered. Settled, unless a fault says otherwise.</summary>
    Unregistered,
}

/// <summary>
/// A byte of state for each page of a region, changed by atomic claims so that no two threads ever fill one page. The bytes
/// are untouched anonymous memory until a page's state changes, so a map of terabytes costs nothing at first.
/// </summary>
internal sealed unsafe class PageStateMap : IDisposable
{
    private readonly MemoryMapping _memory;
    private readonly byte* _states; // inside _memory; every access is bounds-checked by Ref or by a span

    public PageStateMap(ulong pages)
    {
        Pages = checked((long)pages);
        _memory = MemoryMapping.CreateAnonymous(pages, new MemoryMappingOptions { NoReserve = true });
        _states = (byte*)_memory.Address;
    }

    /// <summary>How many pages it covers.</summary>
    public long Pages { get; }

    /// <summary>The state now.</summary>
    public PageState this[long page]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (PageState)Volatile.Read(ref Ref(page));
    }

    /// <summary>Changes a state if it is still as expected.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryChange(long page, PageState from, PageState to)
        => Interlocked.CompareExchange(ref Ref(page), (byte)to, (byte)from) == (byte)from;

    /// <summary>Sets a state and tells what it was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PageState Exchange(long page, PageState to) => (PageState)Interlocked.Exchange(ref Ref(page), (byte)to);

    /// <summary>Finds the first page in <paramref name="state"/> from <paramref name="from"/> up to <paramref name="end"/>.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long Find(PageState state, long from, long end) => Scan(from, end, (byte)state, matching: true);

    /// <summary>Finds the first page not in <paramref name="state"/>.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long FindOther(PageState state, long from, long end) => Scan(from, end, (byte)state, matching: false);

    /// <summary>A copy for a forked child: what is claimed here is missing there, for the claims fill this process.</summary>
    public PageStateMap Fork()
    {
        var child = new PageStateMap((ulong)Pages);
        long page = 0;
        while ((page = FindOther(PageState.Missing, page, Pages)) < Pages)
        {
            PageState state = this[page];
            child.Exchange(page, state is PageState.Filling or PageState.FillingWanted or PageState.Parked ? PageState.Missing : state);
            page++;
        }

        return child;
    }

    public void Dispose() => _memory.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref byte Ref(long page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(unchecked((ulong)page), (ulong)Pages, nameof(page)); // below zero is far above
        return ref _states[page];
    }

    private long Scan(long from, long end, byte value, bool matching)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, Pages);
        while (from < end)
        {
            var window = new ReadOnlySpan<byte>(_states + from, (int)Math.Min(end - from, 1 << 20)); // both are inside the map
            int index = matching ? window.IndexOf(value) : window.IndexOfAnyExcept(value);
            if (index >= 0)
            {
                return from + index;
            }

            from += window.Length;
        }

        return end;
    }
}
