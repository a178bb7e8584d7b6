namespace Uffd.Paging;

/// <summary>
/// The order in which pages leave memory. Nothing tells us of touches of pages that are there, so the order is that of arrival, in two
/// queues: pages that came for the first time wait in a short one, and those that were wanted again soon after they had left it in the main
/// one, so that one pass over everything does not drive out what is used again and again. Used under <see cref="RawPages.Gate"/>.
/// </summary>
internal sealed unsafe class RawQueues : IDisposable
{
    private readonly Queue<uint> _recent = new();
    private readonly Queue<uint> _main = new();
    private readonly MemoryMapping _memory;
    private readonly uint* _left; // for each page when it left the queue of the new ones, in evictions; inside _memory, index checked against _pages
    private readonly long _pages;
    private readonly long _recentShare;
    private readonly uint _remembered;
    private uint _evictions;

    /// <param name="pages">How many there are.</param>
    /// <param name="limit">How many are resident at the most.</param>
    public RawQueues(long pages, long limit)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pages, uint.MaxValue);
        _pages = pages;
        _recentShare = Math.Max(1, limit / 4);
        _remembered = (uint)Math.Clamp(limit / 2, 1, int.MaxValue);
        _memory = MemoryMapping.CreateAnonymous((ulong)pages * sizeof(uint), new MemoryMappingOptions { NoReserve = true });
        _left = (uint*)_memory.Address;
    }

    /// <summary>How many pages wait.</summary>
    public int Count => _recent.Count + _main.Count;

    /// <summary>A page has come.</summary>
    /// <returns>Whether it had left only lately.</returns>
    public bool Add(long page)
    {
        uint left = At(page);
        bool again = left != 0 && unchecked(_evictions - left) < _remembered;
        (again ? _main : _recent).Enqueue((uint)page);
        return again;
    }

    /// <summary>A page that was taken cannot leave now: it is in use.</summary>
    public void PutBack(long page) => _main.Enqueue((uint)page);

    /// <summary>The page that is next to leave.</summary>
    /// <param name="page">The page; it is in no queue any more.</param>
    /// <param name="isRecent">Whether it came for the first time.</param>
    public bool TryTake(out long page, out bool isRecent)
    {
        isRecent = _recent.Count > 0 && (_recent.Count > _recentShare || _main.Count == 0);
        bool found = (isRecent ? _recent : _main).TryDequeue(out uint taken);
        page = taken;
        return found;
    }

    /// <summary>A page has left.</summary>
    public void Evicted(long page, bool wasRecent)
    {
        if (wasRecent)
        {
            _evictions = unchecked(_evictions + 1);
            _evictions = Math.Max(1, _evictions); // 0 means never
            At(page) = _evictions;
        }
    }

    public void Dispose() => _memory.Dispose();

    private ref uint At(long page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)page, (ulong)_pages, nameof(page));
        return ref _left[page];
    }
}
