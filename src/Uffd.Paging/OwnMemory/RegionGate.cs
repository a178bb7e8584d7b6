namespace Uffd.Paging;

/// <summary>Counts the operations under way, so that the region can be taken down when none is left. A hit does not pass here.</summary>
internal sealed class RegionGate
{
    private const long Closed = 1L << 62;
    private long _state;

    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void Enter()
    {
        if (Interlocked.Increment(ref _state) >= Closed)
        {
            Interlocked.Decrement(ref _state);
            throw new ObjectDisposedException(nameof(PagedRegion), "the region is disposed");
        }
    }

    /// <summary>For what goes on after its caller has left: whoever calls it is inside.</summary>
    public void EnterAgain() => Interlocked.Increment(ref _state);

    public void Leave() => Interlocked.Decrement(ref _state);

    /// <summary>Lets nobody in any more; whether it was open.</summary>
    public bool Close()
    {
        if (Interlocked.Add(ref _state, 0) >= Closed || Interlocked.Or(ref _state, Closed) >= Closed)
        {
            return false;
        }

        return true;
    }

    /// <summary>Waits until nobody is in.</summary>
    public void Drain()
    {
        while (Interlocked.Read(ref _state) != Closed)
        {
            Thread.Sleep(1);
        }
    }
}
