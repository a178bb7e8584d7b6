namespace Uffd.Migration;

/// <summary>The link that is to be used next. A newer one takes the place of one that was not taken yet.</summary>
internal sealed class LinkSlot : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _offered = new(0);
    private MigrationLink? _next;
    private bool _closed;

    public void Offer(MigrationLink link)
    {
        MigrationLink? unused;
        lock (_lock)
        {
            (unused, _next) = _closed ? (link, null) : (_next, link);
            if (unused is null)
            {
                _offered.Release();
            }
        }

        unused?.Dispose();
    }

    /// <summary>Waits for one.</summary>
    /// <returns>Null when none came in time.</returns>
    public MigrationLink? Take(TimeSpan timeout, CancellationToken cancellation)
    {
        if (!_offered.Wait(timeout, cancellation))
        {
            return null;
        }

        lock (_lock)
        {
            (MigrationLink? taken, _next) = (_next, null);
            return taken;
        }
    }

    public void Dispose()
    {
        MigrationLink? unused;
        lock (_lock)
        {
            _closed = true;
            (unused, _next) = (_next, null);
        }

        unused?.Dispose();
    }
}
