namespace Uffd.Paging.Tests.Stores;

/// <summary>Retries: how many, after which pauses, and of what.</summary>
public sealed class RetryingPageSourceTests
{
    private static readonly byte[] Bytes = Pattern.Bytes(4096);

    public static TheoryData<bool, bool> Ways => new() { { false, false }, { true, false }, { true, true } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Source_that_recovers_is_read(bool async, bool slow)
    {
        var clock = new InstantClock();
        using RetryingPageSource source = Make(clock, slow, failures: 3);
        Assert.Equal(Bytes, await ReadAsync(source, async));
        Assert.Equal(3, source.Retries);
        Assert.Equal(3, clock.Pauses.Count);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Source_that_does_not_is_given_up_with_its_own_exception(bool async, bool slow)
    {
        var clock = new InstantClock();
        using RetryingPageSource source = Make(clock, slow, failures: 4);
        IOException exception = await Assert.ThrowsAsync<IOException>(() => ReadAsync(source, async));
        Assert.Equal("read 4, of 4096 bytes at 0, fails on purpose", exception.Message);
        Assert.Equal(3, source.Retries);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Pauses_grow_are_any_up_to_their_longest_and_depend_on_the_seed(bool async)
    {
        async Task<TimeSpan[]> PausesAsync(ulong seed)
        {
            var clock = new InstantClock();
            using RetryingPageSource source = Make(clock, slow: true, failures: 7, retries: 7, seed, longest: 1000);
            await ReadAsync(source, async);
            return [.. clock.Pauses];
        }

        double[] sum = new double[7];
        for (ulong seed = 0; seed < 200; seed++)
        {
            TimeSpan[] pauses = await PausesAsync(seed);
            for (int retry = 0; retry < 7; retry++)
            {
                double longest = Math.Min(1000, 100 << retry);
                Assert.InRange(pauses[retry].TotalMilliseconds, 0, longest);
                sum[retry] += pauses[retry].TotalMilliseconds / longest;
            }
        }

        Assert.All(sum, share => Assert.InRange(share / 200, 0.4, 0.6)); // full jitter: any of them, half on average
        Assert.Equal(await PausesAsync(5), await PausesAsync(5));
        Assert.NotEqual(await PausesAsync(5), await PausesAsync(6));
    }

    [Fact]
    public void Wrong_use_is_not_tried_again()
    {
        int reads = 0;
        using var source = new RetryingPageSource(new HostileSource(Bytes, read: _ => throw (++reads > 0 ? new ObjectDisposedException("it") : new IOException())));
        Assert.Throws<ObjectDisposedException>(() => source.Read(0, new byte[8]));
        Assert.Equal(1, reads);
    }

    [Fact]
    public async Task Time_limit_inside_the_source_is_a_failure_as_others()
    {
        int reads = 0;
        var inner = new HostileSource(Bytes, read: _ =>
        {
            if (++reads == 1)
            {
                throw new TaskCanceledException("the server took too long");
            }
        });
        using var source = new RetryingPageSource(inner, new RetryOptions { Clock = new InstantClock() });
        Assert.Equal(Bytes, await ReadAsync(source, async: true));
    }

    [Fact]
    public async Task Cancelled_pause_ends()
    {
        using RetryingPageSource source = Make(TimeProvider.System, slow: true, failures: 9, first: 100_000, longest: 100_000);
        using var cancellation = new CancellationTokenSource();
        Task read = source.ReadAsync(0, new byte[8], cancellation.Token).AsTask();
        await Served.UntilAsync(() => source.Retries == 1, "the first pause");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.WaitAsync(Served.Patience, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_ends_the_pauses(bool async)
    {
        RetryingPageSource source = Make(TimeProvider.System, slow: true, failures: 9, first: 100_000, longest: 100_000);
        Task read = NativeTouch.Run(() => ReadAsync(source, async).GetAwaiter().GetResult(), Served.Patience);
        await Served.UntilAsync(() => source.Retries == 1, "the first pause");
        source.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
    }

    [Fact]
    public async Task Pause_by_the_systems_clock_is_as_long_as_it_should_be()
    {
        foreach (bool async in (bool[])[true, false])
        {
            long start = TimeProvider.System.GetTimestamp();
            if (async)
            {
                await TimeProvider.System.PauseAsync(TimeSpan.FromMicroseconds(5300), CancellationToken.None);
            }
            else
            {
                TimeProvider.System.Pause(TimeSpan.FromMicroseconds(5300), CancellationToken.None);
            }

            Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromMicroseconds(5300));
        }
    }

    [Fact]
    public void Pauses_are_not_made_by_the_thread_of_the_faults()
    {
        using var over = new RetryingPageSource(new RunSource(1, new Part(SourceRunKind.Data, 8)) { Concurrency = 5, Direct = true });
        using var quick = new RetryingPageSource(MemoryPageSource.FromBytes(Bytes));
        Assert.Equal(5, over.Concurrency);
        Assert.True(quick.Concurrency > 0);
        Assert.Equal(DirectAccess.Full, quick.GetDirect(0, 8, out _)); // nothing is read there
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(1, -1)]
    public void Options_that_make_no_sense_are_refused(int retries, int pause)
        => Assert.Throws<ArgumentOutOfRangeException>(() => Make(TimeProvider.System, slow: false, failures: 0, retries, first: pause));

    /// <summary>Each read fails so often before it succeeds.</summary>
    private static RetryingPageSource Make(TimeProvider clock, bool slow, int failures, int retries = 3, ulong seed = 1, int first = 100, int longest = 2000)
    {
        var faulty = new FaultyPageSource(
            new RunSource(1, new Part(SourceRunKind.Data, Bytes.Length)) { Concurrency = slow ? 4 : 0 },
            new FaultyOptions { Reads = [.. Enumerable.Range(1, failures).Select(read => (long)read)] });
        return new RetryingPageSource(faulty, new RetryOptions
        {
            Retries = retries,
            FirstPause = TimeSpan.FromMilliseconds(first),
            LongestPause = TimeSpan.FromMilliseconds(longest),
            Seed = seed,
            Clock = clock,
        });
    }

    private static async Task<byte[]> ReadAsync(IPageSource source, bool async)
    {
        byte[] found = new byte[Bytes.Length];
        if (async)
        {
            await source.ReadAsync(0, found, CancellationToken.None);
        }
        else
        {
            source.Read(0, found);
        }

        return found;
    }
}
