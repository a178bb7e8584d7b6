using Uffd.Paging;

namespace Uffd.OwnMemory.Tests;

/// <summary>A store in memory whose reads and writes wait at gates that the test opens; both are open at first.</summary>
internal sealed class GateStore(int pages) : IPageStore
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(30));
    private int _reads;
    private int _writes;

    public byte[] Bytes { get; } = new byte[pages * Environment.SystemPageSize];

    public ManualResetEventSlim Reading { get; } = new(initialState: true);

    public ManualResetEventSlim Writing { get; } = new(initialState: true);

    /// <summary>How many reads have come to the gate.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>How many writes have come to the gate.</summary>
    public int Writes => Volatile.Read(ref _writes);

    public ulong Length => (ulong)Bytes.Length;

    public void Read(ulong offset, Span<byte> destination)
    {
        Interlocked.Increment(ref _reads);
        Pass(Reading);
        Bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        Interlocked.Increment(ref _writes);
        Pass(Writing);
        source.CopyTo(Bytes.AsSpan((int)offset));
    }

    public void Flush()
    {
        // It is as durable as it gets.
    }

    public void Dispose()
    {
        // The test looks at the bytes afterwards.
    }

    private static void Pass(ManualResetEventSlim gate)
    {
        if (!gate.Wait(Patience))
        {
            throw new TimeoutException("the test does not open the gate of its store");
        }
    }
}
