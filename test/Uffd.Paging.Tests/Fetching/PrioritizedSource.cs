using System.Collections.Concurrent;

namespace Uffd.Paging.Tests.Fetching;

/// <summary>Notes for whom it is asked, and answers when it is told to.</summary>
internal sealed class PrioritizedSource(byte[] bytes, int concurrency) : ReadSource(bytes), IPrioritizedPageSource
{
    private readonly SemaphoreSlim _answers = new(0);

    public int Concurrency => concurrency;

    /// <summary>The reads, and whether somebody waited for them.</summary>
    public ConcurrentQueue<(ulong Offset, int Length, bool IsAwaited)> Asked { get; } = new();

    /// <summary>Reads that somebody came to wait for.</summary>
    public ConcurrentQueue<(ulong Offset, int Length)> Expedited { get; } = new();

    public void Answer(int reads) => _answers.Release(reads);

    public void AnswerAll() => Answer(10_000);

    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
        => throw new InvalidOperationException("it is to be told whether somebody waits");

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        Asked.Enqueue((offset, destination.Length, isAwaited));
        await _answers.WaitAsync(cancellation);
        Read(offset, destination.Span);
    }

    public void Expedite(ulong offset, int length)
    {
        Expedited.Enqueue((offset, length));
        throw new InvalidOperationException("what it throws is nobody's failure");
    }
}
