namespace Uffd.OwnMemory.Hang;

/// <summary>Threads that allocate, keep some of it for a while, and forget it: so that collections have something to move.</summary>
internal sealed class Allocators : IDisposable
{
    private const int Kept = 512;
    private const int LargeBytes = 128 << 10; // goes to the heap of large objects
    private readonly Thread[] _threads;
    private volatile bool _isStopping;

    public Allocators(int count)
    {
        _threads = [.. Enumerable.Range(0, count).Select(index => new Thread(() => Allocate(index)) { IsBackground = true, Name = "allocator" })];
        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    public void Dispose()
    {
        _isStopping = true;
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
    }

    private void Allocate(int seed)
    {
        var random = new Random(seed);
        object[] kept = new object[Kept];
        for (int turn = 0; !_isStopping; turn++)
        {
            kept[random.Next(Kept)] = turn % 256 == 0 ? new byte[LargeBytes] : (object)new byte[random.Next(16, 256)];
            if (turn % 1024 == 0)
            {
                Thread.Sleep(0); // the machines that run this are small: others must have their turn
            }
        }
    }
}
