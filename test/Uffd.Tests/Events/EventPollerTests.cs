using System.Diagnostics;

namespace Uffd.Tests.Events;

public class EventPollerTests
{
    private const int Threads = 4;

    private static readonly TimeSpan Forever = TimeSpan.FromSeconds(20);

    private readonly PollResult[] _ready = new PollResult[100];

    [Fact]
    public void Time_runs_out()
    {
        using var poller = new EventPoller();
        AssertWaits(poller.Wait, TimeSpan.FromMilliseconds(30), TimeSpan.FromMilliseconds(29));
    }

    [Fact]
    public void Fraction_of_a_millisecond_is_waited_and_not_spun()
    {
        using var poller = new EventPoller();
        AssertWaits(poller.Wait, TimeSpan.FromMicroseconds(1), TimeSpan.FromMicroseconds(900));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    [InlineData(-100_000)]
    public async Task Time_that_has_run_out_already_is_not_waited_for(int milliseconds)
    {
        using var poller = new EventPoller();
        Assert.Equal(0, await NativeTouch.Run(() => poller.Wait(_ready, TimeSpan.FromMilliseconds(milliseconds))));
    }

    [Fact]
    public void Spinning_sees_what_comes_and_ends()
    {
        using var poller = new EventPoller();
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            poller.Add(first.Handle, 5);
            Assert.Equal(0, poller.Wait(_ready, TimeSpan.Zero, spin: TimeSpan.FromMilliseconds(5)));
            second.Send([1]);
            Assert.Equal(1, poller.Wait(_ready, TimeSpan.Zero, spin: Forever));
            Assert.Equal(new PollResult(5, PollStates.Readable), _ready[0]);
        }
    }

    [Fact]
    public void Added_is_told_with_its_token_until_it_is_removed()
    {
        using var poller = new EventPoller();
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (second)
        {
            const ulong Token = ulong.MaxValue - 1;
            poller.Add(first.Handle, Token);
            Assert.Equal(0, poller.Wait(_ready, TimeSpan.Zero));
            second.Send([1]);
            Assert.Equal(1, poller.Wait(_ready, Forever));
            Assert.Equal(new PollResult(Token, PollStates.Readable), _ready[0]);
            Assert.Equal(1, poller.Wait(_ready, Forever)); // still unread
            Assert.Equal(Errno.EEXIST, Assert.Throws<UffdException>(() => poller.Add(first.Handle, 2)).Errno);

            poller.Remove(first.Handle);
            poller.Remove(first.Handle);
            Assert.Equal(0, poller.Wait(_ready, TimeSpan.Zero));
            poller.Add(first.Handle, 3);
            first.Dispose(); // closed while added: forgotten, no error
            Assert.Equal(0, poller.Wait(_ready, TimeSpan.Zero));
        }
    }

    [Fact]
    public void Hang_up_is_told_together_with_what_is_left_to_read()
    {
        using var poller = new EventPoller();
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        {
            poller.Add(first.Handle, 1);
            second.Send([1]);
            second.Dispose();
            Assert.Equal(1, poller.Wait(_ready, Forever));
            Assert.Equal(PollStates.Readable | PollStates.HungUp, _ready[0].States);
        }
    }

    [Fact]
    public void More_than_fit_are_told_the_next_time()
    {
        using var poller = new EventPoller();
        var channels = new List<FdChannel>();
        try
        {
            for (ulong index = 0; index < 70; index++)
            {
                (FdChannel first, FdChannel second) = FdChannel.CreatePair();
                channels.AddRange([first, second]);
                poller.Add(first.Handle, index);
                second.Send([1]);
            }

            poller.Wake();
            var told = new HashSet<ulong>();
            for (int round = 0; round < 10; round++)
            {
                int count = poller.Wait(_ready, TimeSpan.Zero);
                Assert.InRange(count, 0, 64);
                told.UnionWith(_ready.Take(count).Select(one => one.Token));
            }

            Assert.Equal(70, told.Count);
            Assert.Equal(1, poller.Wait(_ready.AsSpan(0, 1), TimeSpan.Zero));
        }
        finally
        {
            channels.ForEach(channel => channel.Dispose());
        }
    }

    [Fact]
    public void Wake_before_the_wait_is_kept_and_many_are_as_one()
    {
        using var poller = new EventPoller();
        AssertWaits(
            (ready, timeout, _) =>
            {
                poller.Wake();
                poller.Wake();
                Assert.Equal(0, poller.Wait(ready, TimeSpan.Zero));
                return poller.Wait(ready, timeout);
            },
            TimeSpan.FromMilliseconds(20),
            TimeSpan.FromMilliseconds(19));
        poller.Wake();
        Assert.Equal(0, poller.Wait(_ready, Timeout.InfiniteTimeSpan));
    }

    [Fact]
    public async Task Wake_ends_a_wait_of_another_thread()
    {
        using var poller = new EventPoller();
        Task<int> wait = NativeTouch.Run(() => poller.Wait(_ready, Timeout.InfiniteTimeSpan));
        poller.Wake();
        Assert.Equal(0, await wait);
    }

    [Fact]
    public async Task No_wake_is_lost()
    {
        using var poller = new EventPoller();
        int lost = await Hammer(poller.Wake, timeout => poller.Wait(_ready, timeout));
        Assert.Equal(0, lost);
    }

    [Fact]
    public async Task Hammering_finds_a_poller_that_loses_wakes()
    {
        // The control: it loses the wakes of two rounds. One wake may be left over from the round before the first.
        using var poller = new EventPoller();
        int wakes = 0;
        int lost = await Hammer(
            () =>
            {
                int round = (Interlocked.Increment(ref wakes) - 1) / Threads;
                if (round is not (100 or 101))
                {
                    poller.Wake();
                }
            },
            timeout => poller.Wait(_ready, timeout));
        Assert.NotEqual(0, lost);
    }

    [Fact]
    public void Disposed_poller_throws()
    {
        var poller = new EventPoller();
        poller.Dispose();
        poller.Dispose();
        Assert.Throws<ObjectDisposedException>(() => poller.Wait(_ready, TimeSpan.Zero));
        poller.Wake(); // nobody waits any more: no error
    }

    private delegate int Wait(Span<PollResult> ready, TimeSpan timeout, TimeSpan spin = default);

    /// <summary>The wait must last. A signal to this thread may end one early, but not one after the other.</summary>
    private void AssertWaits(Wait wait, TimeSpan timeout, TimeSpan atLeast)
    {
        TimeSpan longest = TimeSpan.Zero;
        for (int attempt = 0; attempt < 5 && longest < atLeast; attempt++)
        {
            long start = Stopwatch.GetTimestamp();
            Assert.Equal(0, wait(_ready, timeout));
            TimeSpan waited = Stopwatch.GetElapsedTime(start);
            longest = waited > longest ? waited : longest;
        }

        Assert.InRange(longest, atLeast, Forever);
    }

    /// <summary>
    /// Four threads put work down and wake, all at once, round after round; the waiter looks at the work and waits again until
    /// it has seen all of the round. A wait that had to run out of time with work to see was not woken.
    /// </summary>
    /// <returns>How many waits ran out of time; the first ends it.</returns>
    private static async Task<int> Hammer(Action wake, Action<TimeSpan> wait)
    {
        const int Rounds = 3000;
        var patience = TimeSpan.FromSeconds(1);
        using var barrier = new Barrier(Threads + 1);
        using var stop = new CancellationTokenSource();
        int work = 0;
        Task<bool>[] wakers = [.. Enumerable.Range(0, Threads).Select(_ => NativeTouch.Run(
            () =>
            {
                for (int round = 0; round < Rounds; round++)
                {
                    barrier.SignalAndWait();
                    if (stop.IsCancellationRequested)
                    {
                        break;
                    }

                    Interlocked.Increment(ref work);
                    wake();
                }

                return true;
            },
            Forever))];
        int lost = await NativeTouch.Run(
            () =>
            {
                int seen = 0;
                for (int round = 1; round <= Rounds; round++)
                {
                    barrier.SignalAndWait();
                    while (seen < round * Threads)
                    {
                        long start = Stopwatch.GetTimestamp();
                        wait(patience);
                        if (Stopwatch.GetElapsedTime(start) >= patience)
                        {
                            stop.Cancel();
                            barrier.RemoveParticipant();
                            return 1;
                        }

                        seen = Volatile.Read(ref work);
                    }
                }

                return 0;
            },
            Forever);
        await Task.WhenAll(wakers);
        return lost;
    }
}
