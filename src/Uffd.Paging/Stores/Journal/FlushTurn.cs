namespace Uffd.Paging;

/// <summary>Writes are made at once with each other, and a flush alone. A flush that waits goes before writes that come later.</summary>
internal sealed class FlushTurn
{
    private readonly object _gate = new();
    private int _writers;
    private bool _flushing;

    /// <summary>Begins a write; waits for a flush that is under way.</summary>
    public void EnterWrite()
    {
        lock (_gate)
        {
            while (_flushing)
            {
                Monitor.Wait(_gate);
            }

            _writers++;
        }
    }

    /// <summary>Ends a write.</summary>
    public void ExitWrite()
    {
        lock (_gate)
        {
            if (--_writers == 0)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Begins a flush; waits for writes that are under way.</summary>
    public void EnterFlush()
    {
        lock (_gate)
        {
            while (_flushing)
            {
                Monitor.Wait(_gate);
            }

            _flushing = true;
            while (_writers > 0)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Ends a flush.</summary>
    public void ExitFlush()
    {
        lock (_gate)
        {
            _flushing = false;
            Monitor.PulseAll(_gate);
        }
    }
}
