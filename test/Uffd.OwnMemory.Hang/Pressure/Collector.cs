namespace Uffd.OwnMemory.Hang;

/// <summary>A thread that collects without pause: all generations, blocking and in the background, compacting now and then.</summary>
internal sealed class Collector : IDisposable
{
    private const int SleepEvery = 64; // about 5 ms

    private readonly Thread _thread;
    private long _collections;
    private volatile bool _isStopping;

    public Collector()
    {
        _thread = new Thread(Collect) { IsBackground = true, Name = "collector" };
        _thread.Start();
    }

    /// <summary>How many collections it has made.</summary>
    public long Collections => Interlocked.Read(ref _collections);

    public void Dispose()
    {
        _isStopping = true;
        _thread.Join();
    }

    private void Collect()
    {
        for (int turn = 0; !_isStopping; turn++)
        {
            // Most are quick ones: the more often all threads are stopped, the more places they are stopped at.
            int generation = turn % 16 == 15 ? 2 : turn % 8 == 7 ? 1 : 0;
            GC.Collect(generation, GCCollectionMode.Forced, blocking: turn % 32 != 15, compacting: turn % 64 == 31);
            Interlocked.Increment(ref _collections);
            if (turn % SleepEvery == 0)
            {
                Thread.Sleep(1); // or those who are stopped get no turn on a busy machine: a yield alone gives them one only sometimes
            }
            else if (turn % 4 == 0)
            {
                Thread.Yield();
            }
        }
    }
}
