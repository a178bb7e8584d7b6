using System.Collections.Concurrent;

namespace Uffd.Paging.Tests.Fetching;

/// <summary>Answers when it is told to. Nothing is read where the fault is served.</summary>
internal sealed class SlowSource(byte[] bytes, int concurrency) : ReadSource(bytes), IPageSource
{
    private readonly ConcurrentQueue<Question> _questions = new();
    private readonly SemaphoreSlim _asked = new(0);
    private readonly AtOnce _reads = new();

    public int Concurrency => concurrency;

    /// <summary>Reads that wait for an answer now.</summary>
    public int Open => _reads.Now;

    /// <summary>The most that there were at once.</summary>
    public int Most => _reads.Most;

    /// <summary>The offsets asked for, in order.</summary>
    public ConcurrentQueue<ulong> Asked { get; } = new();

    /// <summary>Whether it answers at once from now on.</summary>
    public bool AnswersAtOnce
    {
        get => Volatile.Read(ref field);
        set
        {
            Volatile.Write(ref field, value);
            Interlocked.MemoryBarrier();
        }
    }

    public override void Read(ulong offset, Span<byte> destination) => throw new InvalidOperationException("nobody may wait for it");

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        _reads.Enter();
        Asked.Enqueue(offset);
        try
        {
            if (!AnswersAtOnce)
            {
                var question = new Question(offset);
                _questions.Enqueue(question);
                _asked.Release();
                if (AnswersAtOnce)
                {
                    question.Answer.TrySetResult(); // it was told so a moment ago
                }

                await question.Answer.Task.WaitAsync(cancellation);
            }

            base.Read(offset, destination.Span);
        }
        finally
        {
            _reads.Leave();
        }
    }

    /// <summary>Waits for the next question.</summary>
    public async Task<Question> NextAsync()
    {
        Assert.True(await _asked.WaitAsync(Served.Patience), "nothing was asked for");
        Assert.True(_questions.TryDequeue(out Question? question));
        return question;
    }

    /// <summary>Answers everything that was asked, and what will be.</summary>
    public void AnswerAll()
    {
        AnswersAtOnce = true;
        while (_questions.TryDequeue(out Question? question))
        {
            question.Answer.TrySetResult();
        }
    }

    internal sealed record Question(ulong Offset)
    {
        public TaskCompletionSource Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
