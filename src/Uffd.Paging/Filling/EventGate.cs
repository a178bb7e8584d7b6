namespace Uffd.Paging;

/// <summary>
/// Keeps reading events and installing pages apart (docs/adr/0002). The fault loop goes first: a fill that finds it waiting
/// steps back, so that a fault waits for one install at the most. A thread that holds it may enter again.
/// </summary>
/// <remarks>
/// It spins, and yields its CPU in between: it is held for microseconds, and a lock that sleeps costs each fault a wake-up. The
/// benchmark's background fill is where the difference shows: its client asks for events.
/// </remarks>
internal sealed class EventGate
{
    private int _owner; // the managed thread that holds it, or 0
    private int _depth; // touched by the owner only
    private int _readers;

    /// <summary>For the fault loop, from before it reads until what it read is applied.</summary>
    public Scope EnterToRead()
    {
        if (TryEnter())
        {
            return new Scope(this); // nobody is inside, as nearly always
        }

        Interlocked.Increment(ref _readers);
        var spinner = new SpinWait();
        while (!TryEnter())
        {
            spinner.SpinOnce(sleep1Threshold: -1);
        }

        Interlocked.Decrement(ref _readers);
        return new Scope(this);
    }

    /// <summary>For the background fill, while it installs a run.</summary>
    public Scope EnterToInstall()
    {
        var spinner = new SpinWait();
        while (Volatile.Read(ref _readers) > 0 || !TryEnter())
        {
            spinner.SpinOnce(sleep1Threshold: -1);
        }

        return new Scope(this);
    }

    private bool TryEnter()
    {
        int self = Environment.CurrentManagedThreadId;
        if (Volatile.Read(ref _owner) != self && Interlocked.CompareExchange(ref _owner, self, 0) != 0)
        {
            return false;
        }

        _depth++;
        return true;
    }

    private void Exit()
    {
        if (--_depth == 0)
        {
            Volatile.Write(ref _owner, 0);
        }
    }

    /// <summary>Holds the gate until disposed.</summary>
    public readonly ref struct Scope(EventGate gate)
    {
        /// <summary>Lets go of it.</summary>
        public void Dispose() => gate.Exit();
    }
}
