using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Uffd.Paging;

/// <summary>Told of a run of pages whose state was changed, and what it was.</summary>
internal delegate void StateChanged(long page, long count, PageState before);

/// <summary>
/// A byte of state for each page of an address space, changed by atomic claims so that no two threads ever fill one page.
/// </summary>
/// <remarks>
/// The pages are divided into chunks, each with a byte that names the state of all its pages while they are alike. Only a chunk
/// whose pages differ has bytes of its own, so terabytes that nobody has touched, or that went as a whole, cost neither memory nor
/// time: 4 TiB are 256 KiB of chunks, and those are untouched memory at first too.
/// </remarks>
internal sealed unsafe class PageStateMap : IDisposable
{
    /// <summary>How many pages a chunk has: as many as their states fill one page of this process's memory.</summary>
    public const int ChunkPages = 1 << ChunkShift;

    private const int ChunkShift = 12;
    private const byte Differing = 0xff; // no state: the pages have bytes of their own
    private const long MostChunksAtOnce = 1 << 20;

    private readonly MemoryMapping _memory;
    private readonly byte* _states; // inside _memory, whole chunks; every access is bounds-checked by RequireInside or by a span
    private readonly byte* _chunks; // inside _memory, behind them
    private readonly Lock _closing = new(); // held where a chunk's own bytes are written as a whole, or no longer count

    public PageStateMap(ulong pages)
    {
        Pages = checked((long)pages);
        ulong chunks = ((pages - 1) >> ChunkShift) + 1;
        _memory = MemoryMapping.CreateAnonymous((chunks << ChunkShift) + chunks, new MemoryMappingOptions { NoReserve = true });
        _states = (byte*)_memory.Address;
        _chunks = _states + (chunks << ChunkShift);
        RefuseHugePages(_memory);
    }

    /// <summary>How many pages it covers.</summary>
    public long Pages { get; }

    /// <summary>The state now.</summary>
    public PageState this[long page]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            RequireInside(page);
            byte alike = Volatile.Read(ref ChunkOf(page));
            return (PageState)(alike == Differing ? Volatile.Read(ref _states[page]) : alike);
        }
    }

    /// <summary>Changes a state if it is still as expected.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryChange(long page, PageState from, PageState to)
    {
        RequireInside(page);
        byte alike = Volatile.Read(ref ChunkOf(page));
        if (alike != Differing)
        {
            if (alike != (byte)from)
            {
                return false;
            }

            Open(page);
        }

        return Interlocked.CompareExchange(ref _states[page], (byte)to, (byte)from) == (byte)from;
    }

    /// <summary>Sets a state and tells what it was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PageState Exchange(long page, PageState to)
    {
        RequireInside(page);
        byte alike = Volatile.Read(ref ChunkOf(page));
        if (alike != Differing)
        {
            if (alike == (byte)to)
            {
                return to;
            }

            Open(page);
        }

        return (PageState)Interlocked.Exchange(ref _states[page], (byte)to);
    }

    /// <summary>Sets the states of a run of pages, each atomically; whole chunks of pages that are alike at once.</summary>
    /// <param name="from">The first.</param>
    /// <param name="end">The one behind the last.</param>
    /// <param name="to">Their new state.</param>
    /// <param name="changed">Told of each run that had one state before, also of those that had the new one; null for nobody.</param>
    public void ExchangeAll(long from, long end, PageState to, StateChanged? changed = null)
    {
        RequireRange(from, end);
        while (from < end)
        {
            long chunkEnd = Math.Min(end, ((from >> ChunkShift) + 1) << ChunkShift);
            bool isWhole = (from & (ChunkPages - 1)) == 0 && (chunkEnd == Pages || chunkEnd - from == ChunkPages);
            byte alike = Volatile.Read(ref ChunkOf(from));
            if (alike == (byte)to || (alike != Differing && isWhole && TryClose(from, alike, to)))
            {
                changed?.Invoke(from, chunkEnd - from, (PageState)alike);
            }
            else
            {
                ExchangeEach(from, chunkEnd, to, changed);
            }

            from = chunkEnd;
        }
    }

    /// <summary>Sets the states of a run of pages of a map that nobody else has yet; quicker than atomically.</summary>
    /// <param name="from">The first.</param>
    /// <param name="end">The one behind the last.</param>
    /// <param name="to">Their state.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // called many times while a workload stands, and perhaps for the first time
    public void Initialize(long from, long end, PageState to)
    {
        RequireRange(from, end);
        while (from < end)
        {
            long chunkEnd = Math.Min(end, ((from >> ChunkShift) + 1) << ChunkShift);
            bool isWhole = (from & (ChunkPages - 1)) == 0 && (chunkEnd == Pages || chunkEnd - from == ChunkPages);
            ref byte chunk = ref ChunkOf(from);
            if (isWhole && chunk != Differing)
            {
                chunk = (byte)to;
            }
            else if (chunk != (byte)to)
            {
                Open(from);
                new Span<byte>(_states + from, (int)(chunkEnd - from)).Fill((byte)to); // inside one chunk
            }

            from = chunkEnd;
        }
    }

    /// <summary>Finds the first page in <paramref name="state"/> from <paramref name="from"/> up to <paramref name="end"/>.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long Find(PageState state, long from, long end) => Scan(from, end, state, state, inside: true);

    /// <summary>Finds the first page not in <paramref name="state"/>.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long FindOther(PageState state, long from, long end) => Scan(from, end, state, state, inside: false);

    /// <summary>Finds the first page that is still to come.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long FindUnsettled(long from, long end) => Scan(from, end, PageState.Missing, PageStates.LastUnsettled, inside: true);

    /// <summary>Finds the first page that is not to come any more.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long FindSettled(long from, long end) => Scan(from, end, PageState.Missing, PageStates.LastUnsettled, inside: false);

    /// <summary>How many pages are still to come.</summary>
    public long CountUnsettled(long from, long end)
    {
        long count = 0;
        while ((from = FindUnsettled(from, end)) < end)
        {
            if (Volatile.Read(ref ChunkOf(from)) == Differing)
            {
                long chunkEnd = Math.Min(end, ((from >> ChunkShift) + 1) << ChunkShift);
                count += CountUpTo(new ReadOnlySpan<byte>(_states + from, (int)(chunkEnd - from)), (byte)PageStates.LastUnsettled); // inside one chunk
                from = chunkEnd;
            }
            else
            {
                long settled = FindSettled(from, end);
                count += settled - from;
                from = settled;
            }
        }

        return count;
    }

    /// <summary>A copy for a forked child: what is claimed here is missing there, for the claims fill this process.</summary>
    public PageStateMap Fork()
    {
        var child = new PageStateMap((ulong)Pages);
        for (long page = 0; (page = FindOther(PageState.Missing, page, Pages)) < Pages;)
        {
            long chunkEnd = Math.Min(Pages, ((page >> ChunkShift) + 1) << ChunkShift);
            byte alike = Volatile.Read(ref ChunkOf(page));
            if (alike != Differing)
            {
                child.ExchangeAll(page, chunkEnd, (PageState)alike);
            }
            else
            {
                child.Open(page);
                for (long at = page; at < chunkEnd; at++)
                {
                    PageState state = (PageState)Volatile.Read(ref _states[at]);
                    child._states[at] = (byte)(state.IsUnsettled() ? PageState.Missing : state); // nobody else has it yet
                }
            }

            page = chunkEnd;
        }

        return child;
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>Where huge pages are given unasked, a single state would cost 2 MiB.</summary>
    private static void RefuseHugePages(MemoryMapping memory)
    {
        try
        {
            memory.Advise(MemoryAdvice.NoHugePage);
        }
        catch (UffdException)
        {
            // A kernel without huge pages knows no such advice.
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // counted while a workload stands, and perhaps for the first time
    private static long CountUpTo(ReadOnlySpan<byte> states, byte last)
    {
        long count = 0;
        int at = 0;
        for (; states.Length - at >= Vector256<byte>.Count; at += Vector256<byte>.Count)
        {
            Vector256<byte> within = Vector256.LessThanOrEqual(Vector256.Create(states[at..]), Vector256.Create(last));
            count += BitOperations.PopCount(within.ExtractMostSignificantBits());
        }

        foreach (byte state in states[at..])
        {
            count += state <= last ? 1 : 0;
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref byte ChunkOf(long page) => ref _chunks[page >> ChunkShift];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void RequireInside(long page)
        => ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(unchecked((ulong)page), (ulong)Pages, nameof(page)); // below zero is far above

    private void RequireRange(long from, long end)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, Pages);
    }

    /// <summary>Gives the pages of a chunk bytes of their own, with the state that they have.</summary>
    private void Open(long page)
    {
        ref byte chunk = ref ChunkOf(page);
        if (Interlocked.CompareExchange(ref chunk, Differing, (byte)PageState.Missing) is Differing or (byte)PageState.Missing)
        {
            return; // the bytes of a chunk that was never open are zeros, and that is Missing
        }

        lock (_closing)
        {
            byte alike = chunk;
            if (alike != Differing)
            {
                new Span<byte>(_states + (page >> ChunkShift << ChunkShift), ChunkPages).Fill(alike); // the states are whole chunks
                Volatile.Write(ref chunk, Differing); // from here on they count
            }
        }
    }

    /// <summary>Changes all pages of a chunk that are alike at once, unless one has changed meanwhile.</summary>
    private bool TryClose(long page, byte from, PageState to)
    {
        lock (_closing)
        {
            return Interlocked.CompareExchange(ref ChunkOf(page), (byte)to, from) == from;
        }
    }

    private void ExchangeEach(long from, long end, PageState to, StateChanged? changed)
    {
        PageState run = Exchange(from, to);
        long first = from;
        for (long page = from + 1; page < end; page++)
        {
            PageState before = Exchange(page, to);
            if (before != run)
            {
                changed?.Invoke(first, page - first, run);
                (run, first) = (before, page);
            }
        }

        changed?.Invoke(first, end - first, run);
    }

    private long Scan(long from, long end, PageState low, PageState high, bool inside)
    {
        RequireRange(from, end);
        while (from < end)
        {
            byte alike = Volatile.Read(ref ChunkOf(from));
            if (alike == Differing)
            {
                long chunkEnd = Math.Min(end, ((from >> ChunkShift) + 1) << ChunkShift);
                var states = new ReadOnlySpan<byte>(_states + from, (int)(chunkEnd - from)); // inside one chunk
                int index = inside ? states.IndexOfAnyInRange((byte)low, (byte)high) : states.IndexOfAnyExceptInRange((byte)low, (byte)high);
                if (index >= 0)
                {
                    return from + index;
                }

                from = chunkEnd;
            }
            else if ((alike >= (byte)low && alike <= (byte)high) == inside)
            {
                return from;
            }
            else
            {
                from = Math.Min(end, SkipAlike(from >> ChunkShift, ((end - 1) >> ChunkShift) + 1, alike) << ChunkShift);
            }
        }

        return end;
    }

    /// <returns>The first chunk that is not like this one, or as far as was looked.</returns>
    private long SkipAlike(long chunk, long end, byte alike)
    {
        var chunks = new ReadOnlySpan<byte>(_chunks + chunk, (int)Math.Min(end - chunk, MostChunksAtOnce)); // up to the last chunk
        int index = chunks.IndexOfAnyExcept(alike);
        return chunk + (index >= 0 ? index : chunks.Length);
    }
}
