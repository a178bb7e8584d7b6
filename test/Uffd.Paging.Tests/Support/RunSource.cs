namespace Uffd.Paging.Tests;

/// <summary>What a <see cref="RunSource"/> is made of.</summary>
internal readonly record struct Part(SourceRunKind Kind, int Length);

/// <summary>A source whose every byte has a kind: what is not data is zeros, and what is lost cannot be read.</summary>
internal sealed class RunSource : IPageSource
{
    private readonly MemoryPageSource _memory;
    private readonly SourceRunKind[] _kinds;

    /// <param name="salt">Which data.</param>
    /// <param name="parts">Its bytes, in order.</param>
    public RunSource(ulong salt, params Part[] parts)
    {
        _kinds = [.. parts.SelectMany(part => Enumerable.Repeat(part.Kind, part.Length))];
        Bytes = Pattern.Bytes(((ulong)_kinds.Length + 7) & ~7UL, salt)[.._kinds.Length];
        for (int index = 0; index < Bytes.Length; index++)
        {
            if (_kinds[index] != SourceRunKind.Data)
            {
                Bytes[index] = 0;
            }
        }

        _memory = MemoryPageSource.FromBytes(Bytes);
    }

    public byte[] Bytes { get; }

    public ulong Length => (ulong)_kinds.Length;

    public int Concurrency { get; init; }

    /// <summary>Whether it is in memory for all to see.</summary>
    public bool Direct { get; init; }

    /// <summary>The most bytes that it tells of at once.</summary>
    public int LongestRun { get; init; } = int.MaxValue;

    /// <summary>What was read, in order.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<SourceRange> Reads { get; } = new();

    public bool IsDisposed { get; private set; }

    public SourceRunKind KindAt(int offset) => _kinds[offset];

    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (offset >= Length)
        {
            return new SourceRun(length, SourceRunKind.Hole);
        }

        int start = (int)offset;
        int most = (int)Math.Min(Math.Min(length, (ulong)LongestRun), Length - offset);
        int end = start + 1;
        while (end - start < most && _kinds[end] == _kinds[start])
        {
            end++;
        }

        return new SourceRun((ulong)(end - start), _kinds[start]);
    }

    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        address = 0;
        return Direct && !IsLost(offset, length) ? _memory.GetDirect(offset, length, out address) : DirectAccess.None;
    }

    public void Read(ulong offset, Span<byte> destination)
    {
        Reads.Enqueue(new SourceRange(offset, (ulong)destination.Length));
        if (IsLost(offset, (ulong)destination.Length))
        {
            destination.Fill(0xee); // half of a read that failed must not be seen
            throw new IOException("lost");
        }

        _memory.Read(offset, destination);
    }

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        Assert.True(Concurrency > 0, "a quick source is read where one stands");
        await Task.Yield();
        cancellation.ThrowIfCancellationRequested();
        Read(offset, destination.Span);
    }

    public void Dispose()
    {
        IsDisposed = true;
        _memory.Dispose();
    }

    private bool IsLost(ulong offset, ulong length)
        => offset < Length && _kinds.AsSpan((int)offset, (int)Math.Min(length, Length - offset)).Contains(SourceRunKind.Poisoned);
}
