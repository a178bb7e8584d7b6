using Uffd.Paging;

namespace Uffd.Migration.Tests.Service.Support;

/// <summary>A store in memory that finds out when a page is read or written while it is written, and whose next write can be held up or fail.</summary>
internal sealed class GatedStore(ulong length) : IPageStore
{
    private readonly MemoryPageStore _inner = new(length);
    private readonly int[] _readers = new int[length >> 12];
    private readonly int[] _writers = new int[length >> 12];

    /// <summary>Set to hold up the next write before it begins.</summary>
    public Barrier? BeforeWrite { get; set; }

    /// <summary>Set to fail the next writes.</summary>
    public bool Fails { get; set; }

    /// <summary>How often two met that must not.</summary>
    public int Collisions;

    public bool IsDisposed { get; private set; }

    public ulong Length => length;

    public SourceRun GetRun(ulong offset, ulong count) => _inner.GetRun(offset, count);

    public void Read(ulong offset, Span<byte> destination)
    {
        Enter(_readers, offset, destination.Length, _writers);
        _inner.Read(offset, destination);
        Leave(_readers, offset, destination.Length);
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        Enter(_writers, offset, source.Length, _readers, _writers);
        Barrier? barrier = BeforeWrite;
        BeforeWrite = null;
        barrier?.Pass();
        if (!Fails)
        {
            _inner.Write(offset, source);
        }

        Leave(_writers, offset, source.Length);
        if (Fails)
        {
            throw new IOException("the store fails, as it was told");
        }
    }

    public void Flush() => _inner.Flush();

    public void Dispose()
    {
        IsDisposed = true;
        _inner.Dispose();
    }

    private void Enter(int[] mine, ulong offset, int count, params ReadOnlySpan<int[]> others)
    {
        for (ulong page = offset >> 12; page < (offset + (ulong)count + 4095) >> 12; page++)
        {
            int before = Interlocked.Increment(ref mine[page]) - 1;
            foreach (int[] other in others)
            {
                if (ReferenceEquals(other, mine) ? before > 0 : Volatile.Read(ref other[page]) > 0)
                {
                    Interlocked.Increment(ref Collisions);
                }
            }
        }
    }

    private static void Leave(int[] mine, ulong offset, int count)
    {
        for (ulong page = offset >> 12; page < (offset + (ulong)count + 4095) >> 12; page++)
        {
            Interlocked.Decrement(ref mine[page]);
        }
    }
}
