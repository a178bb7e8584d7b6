namespace Uffd.Paging.Tests;

/// <summary>Counts how many are inside, and the most that were at once.</summary>
internal sealed class AtOnce
{
    private int _now;
    private int _most;

    public int Now => Volatile.Read(ref _now);

    public int Most => Volatile.Read(ref _most);

    public void Enter()
    {
        int now = Interlocked.Increment(ref _now);
        for (int most = Most; now > most && Interlocked.CompareExchange(ref _most, now, most) != most; most = Most)
        {
        }
    }

    public void Leave() => Interlocked.Decrement(ref _now);
}
