using System.Diagnostics;
using System.Globalization;

namespace Uffd.Kernel.Tests.Support;

/// <summary>A userfaultfd and the reading of it, with patience that ends.</summary>
internal class Session : IDisposable
{
    public static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly EventPoller _poller = new();

    public Session(Userfaultfd userfaultfd)
    {
        Userfaultfd = userfaultfd;
        Reader = new UffdEventReader(userfaultfd);
        _poller.Add(userfaultfd.Handle, 1);
    }

    public Userfaultfd Userfaultfd { get; }

    public UffdEventReader Reader { get; }

    /// <summary>Waits until there is something to read, and leaves it unread.</summary>
    public void WaitReadable()
    {
        Span<PollResult> ready = stackalloc PollResult[1];
        long start = Stopwatch.GetTimestamp();
        while (_poller.Wait(ready, Patience) == 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "no event came");
        }

        Assert.Equal(PollStates.Readable, ready[0].States);
    }

    /// <summary>Reads the next message; nothing may come beside it.</summary>
    public UffdEvent ReadOne()
    {
        WaitReadable();
        Assert.Equal(1, Reader.Read());
        return Reader[0];
    }

    /// <summary>Reads the next message, which must be this fault.</summary>
    public PageFault ReadFault(PageFaultKind kind, ulong page)
    {
        PageFault fault = ReadOne().PageFault;
        Assert.Equal((kind, page), (fault.Kind, fault.Address));
        return fault;
    }

    public void AssertSilent() => Assert.Equal(0, Reader.Read());

    /// <summary>Waits until so many faults have been announced and not been read.</summary>
    public void WaitForPendingFaults(int count)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{Userfaultfd.Handle.DangerousGetHandle()}"); // alive: a field of ours
        string wanted = string.Create(CultureInfo.InvariantCulture, $"pending:\t{count}\n");
        long start = Stopwatch.GetTimestamp();
        while (!File.ReadAllText(path).Contains(wanted, StringComparison.Ordinal))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"fewer than {count} faults came");
            Thread.Yield();
        }
    }

    /// <summary>Hands every message that comes to <paramref name="handle"/> until <paramref name="work"/> has ended, and gives its result.</summary>
    public Task<T> ServeAsync<T>(Task<T> work, Action<UffdEvent> handle)
    {
        // Asleep until there is something to do: on a busy machine who spins is the last to be let run.
        _ = work.ContinueWith(_ => _poller.Wake(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        Span<PollResult> ready = stackalloc PollResult[1];
        long start = Stopwatch.GetTimestamp();
        while (!work.IsCompleted)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < 2 * Patience, "what faults does not come to its end");
            _poller.Wait(ready, TimeSpan.FromMilliseconds(100));
            int count = Reader.Read();
            for (int message = 0; message < count; message++)
            {
                handle(Reader[message]);
            }
        }

        return work;
    }

    public virtual void Dispose()
    {
        _poller.Dispose();
        Reader.Dispose();
        Userfaultfd.Dispose();
        GC.SuppressFinalize(this);
    }
}
