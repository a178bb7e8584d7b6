using System.Runtime;

namespace Uffd.Processes;

/// <summary>
/// Keeps garbage collections out of a time in which others stand. It is a wish: the runtime may lack the memory, the program may have such a time of its own
/// already, and other threads may allocate more than is set aside.
/// </summary>
internal readonly struct CollectionPause : IDisposable
{
    private const long Bytes = 1 << 20; // what other threads of this program may allocate meanwhile

    private readonly bool _isHeld;

    private CollectionPause(bool isHeld) => _isHeld = isHeld;

    /// <summary>Begins it. May collect, so it comes before the stop.</summary>
    public static CollectionPause Begin()
    {
        try
        {
            return new CollectionPause(GCSettings.LatencyMode != GCLatencyMode.NoGCRegion && GC.TryStartNoGCRegion(Bytes));
        }
        catch (InvalidOperationException)
        {
            return default; // another thread began one at this moment
        }
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (!_isHeld || GCSettings.LatencyMode != GCLatencyMode.NoGCRegion)
        {
            return;
        }

        try
        {
            GC.EndNoGCRegion();
        }
        catch (InvalidOperationException)
        {
            // A collection came all the same.
        }
    }
}
