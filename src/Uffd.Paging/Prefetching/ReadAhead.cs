namespace Uffd.Paging;

/// <summary>A run of pages worth bringing at a fault, the faulted one among them.</summary>
/// <param name="First">The first of them.</param>
/// <param name="Pages">How many: 1 for the faulted page alone.</param>
internal readonly record struct AheadPlan(long First, int Pages);

/// <summary>
/// Finds threads that go through memory in order, by their faults alone, and says how far ahead of them to bring pages. A fault
/// where a run that was brought ends proves the run was used: the next is four times as long. A run whose end nobody reached was
/// brought in vain; where that is most of them, all runs get shorter. Used by one thread; never allocates.
/// </summary>
/// <remarks>
/// The page tables of another process do not tell cheaply what it touched, so "used" means: its thread went past it. That is also how
/// hits and waste are counted.
/// </remarks>
internal sealed class ReadAhead
{
    private const int MaxStreams = 16;
    private const int Growth = 4;
    private const long Reach = 8; // pages that a thread may leave out and still be going through the memory in order
    private const long Memory = 1 << 16; // pages after which older experience counts half

    private readonly Stream[] _streams = new Stream[MaxStreams];
    private readonly ulong _mostBytes;
    private readonly SpaceCounters _counters;
    private long _clock;
    private long _used;
    private long _wasted;

    /// <param name="mostBytes">The longest run; 0 for no read-ahead.</param>
    /// <param name="counters">Where hits and waste are counted.</param>
    public ReadAhead(ulong mostBytes, SpaceCounters counters)
    {
        _mostBytes = mostBytes;
        _counters = counters;
    }

    private enum Direction : byte
    {
        Unknown,
        Up,
        Down,
    }

    /// <summary>What to bring for a fault. Pages of it may be there already, and it may reach beyond the region: the caller's to cut.</summary>
    /// <param name="slice">Where.</param>
    /// <param name="page">The faulted page.</param>
    /// <param name="thread">The faulting thread, or 0 where the kernel does not tell.</param>
    public AheadPlan Plan(RegionSlice slice, long page, int thread)
    {
        if (_mostBytes == 0)
        {
            return new AheadPlan(page, 1);
        }

        _clock++;
        int oldest = 0;
        for (int index = 0; index < _streams.Length; index++)
        {
            ref Stream stream = ref _streams[index];
            if (stream.Thread == thread && stream.IsNear(page) && ReferenceEquals(stream.Map, slice.Map) && TryContinue(ref stream, slice, page, out AheadPlan plan))
            {
                return plan;
            }

            oldest = stream.LastUsed < _streams[oldest].LastUsed ? index : oldest;
        }

        Forget(ref _streams[oldest]);
        _streams[oldest] = new Stream { Map = slice.Map, Thread = thread, First = page, Last = page, Window = 1, LastUsed = _clock };
        return new AheadPlan(page, 1);
    }

    private bool TryContinue(ref Stream stream, RegionSlice slice, long page, out AheadPlan plan)
    {
        if (page >= stream.First && page <= stream.Last)
        {
            // Planned, and not brought yet or discarded since: bring it and what is left behind it.
            plan = stream.Direction == Direction.Down
                ? new AheadPlan(stream.First, (int)(page - stream.First) + 1)
                : new AheadPlan(page, (int)(stream.Last - page) + 1);
            stream.LastUsed = _clock;
            return true;
        }

        long reach = stream.Direction == Direction.Unknown ? 1 : Reach; // two faults close to each other may be chance
        bool up = stream.Direction != Direction.Down && page > stream.Last && page - stream.Last <= reach;
        bool down = !up && stream.Direction != Direction.Up && page < stream.First && stream.First - page <= reach;
        if (!up && !down)
        {
            plan = default;
            return false;
        }

        Prove(ref stream);
        stream.Window = (int)Math.Min((long)stream.Window * Growth, Limit(slice));
        stream.Direction = up ? Direction.Up : Direction.Down;
        stream.First = up ? page : Math.Max(slice.FirstPage, page - stream.Window + 1);
        stream.Last = up ? Math.Min(slice.EndPage, page + stream.Window) - 1 : page;
        stream.LastUsed = _clock;
        plan = new AheadPlan(stream.First, (int)(stream.Last - stream.First) + 1);
        stream.Unproven = plan.Pages - 1;
        return true;
    }

    /// <summary>As long as asked, shorter where most of what was brought ahead was brought in vain.</summary>
    private long Limit(RegionSlice slice)
    {
        long most = Math.Max(2, (long)(_mostBytes >> slice.PageShift));
        return _wasted > _used ? Math.Max(2, most / 16)
            : _wasted > _used / 4 ? Math.Max(2, most / 4)
            : most;
    }

    private void Prove(ref Stream stream)
    {
        SpaceCounters.Add(ref _counters.PrefetchHits, stream.Unproven);
        _used += stream.Unproven;
        stream.Unproven = 0;
        Fade();
    }

    private void Forget(ref Stream stream)
    {
        if (stream.Unproven > 0)
        {
            SpaceCounters.Add(ref _counters.PrefetchWaste, stream.Unproven);
            _wasted += stream.Unproven;
            Fade();
        }
    }

    private void Fade()
    {
        if (_used + _wasted > Memory)
        {
            _used /= 2;
            _wasted /= 2;
        }
    }

    private struct Stream
    {
        public PageStateMap? Map;
        public int Thread;
        public Direction Direction;
        public int Window;
        public int Unproven; // pages brought ahead that its thread has not gone past yet
        public long First;
        public long Last;
        public long LastUsed;

        /// <summary>Whether it can continue at a page: random faults look at every stream, and nearly all end here.</summary>
        public readonly bool IsNear(long page) => unchecked((ulong)(page - First + Reach)) <= (ulong)(Last - First + (2 * Reach)); // below is far above
    }
}
