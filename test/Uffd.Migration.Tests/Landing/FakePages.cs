using Uffd.Paging;

namespace Uffd.Migration.Tests.Landing;

/// <summary>What a source still had at the switch: answers when it is told to, fails when it is told to.</summary>
internal sealed class FakePages(byte[] content) : IMigratedPages
{
    private const int Page = 4096;

    private readonly SourceRunKind[] _kinds = [.. Enumerable.Repeat(SourceRunKind.Hole, content.Length / Page)];
    private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _awaited;

    public ulong Length => (ulong)content.Length;

    public ulong MissingBytes => (ulong)_kinds.Count(kind => kind == SourceRunKind.Data) * Page;

    public int Concurrency => 8;

    /// <summary>Reads that a thread waits for.</summary>
    public int Awaited => Volatile.Read(ref _awaited);

    /// <summary>Says of pages what they are; holes at first.</summary>
    public FakePages With(SourceRunKind kind, int first, int count)
    {
        _kinds.AsSpan(first, count).Fill(kind);
        return this;
    }

    /// <summary>From now on pages come.</summary>
    public FakePages Answer()
    {
        _answer.TrySetResult();
        return this;
    }

    /// <summary>From now on they never will.</summary>
    public void GiveUp() => _answer.TrySetException(new IOException("the source was given up"));

    public SourceRun GetRun(ulong offset, ulong length)
    {
        int page = (int)(offset / Page);
        int end = page;
        while (end < _kinds.Length && _kinds[end] == _kinds[page])
        {
            end++;
        }

        return new SourceRun(Math.Min(length, (ulong)(end - page) * Page), _kinds[page]);
    }

    public void Read(ulong offset, Span<byte> destination) => throw new InvalidOperationException("nobody may wait for it");

    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadAsync(offset, destination, isAwaited: true, cancellation);

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        Interlocked.Add(ref _awaited, isAwaited ? 1 : 0);
        await _answer.Task.WaitAsync(cancellation);
        content.AsSpan((int)offset, destination.Length).CopyTo(destination.Span);
    }

    public void Expedite(ulong offset, int length) => Interlocked.Increment(ref _awaited);

    public void Dispose()
    {
    }
}
