namespace Uffd.Paging;

/// <summary>
/// Keeps reading events and installing pages apart (docs/adr/0002). The fault loop goes first: a fill that finds it waiting
/// steps back, so that a fault waits for one install at the most.
/// </summary>
internal sealed class EventGate
{
    private readonly Lock _lock = new();
    private int _readers;

    /// <summary>For the fault loop, from before it reads until what it read is applied.</summary>
    public Lock.Scope EnterToRead()
    {
        Interlocked.Increment(ref _readers);
        Lock.Scope scope = _lock.EnterScope();
        Interlocked.Decrement(ref _readers);
        return scope;
    }

    /// <summary>For the background fill, while it installs a run.</summary>
    public Lock.Scope EnterToInstall()
    {
        var spinner = new SpinWait();
        while (Volatile.Read(ref _readers) > 0)
        {
            spinner.SpinOnce(sleep1Threshold: -1); // the reader is only about to take it
        }

        return _lock.EnterScope();
    }
}
