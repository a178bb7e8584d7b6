namespace Uffd.Paging.Tests.Stores;

/// <summary>What decorators pass on, count, delay and fail.</summary>
public sealed class DecoratorTests
{
    private static readonly Part[] Parts = [new(SourceRunKind.Data, 4096), new(SourceRunKind.Hole, 4096), new(SourceRunKind.Data, 4096)];
    private static readonly CancellationToken None = CancellationToken.None;

    public static TheoryData<string> Kinds => ["retrying", "metered", "delayed", "faulty", "lost"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Decorator_that_has_nothing_to_do_changes_nothing(string kind)
    {
        foreach (int concurrency in (int[])[0, 7])
        {
            using var inner = new RunSource(1, Parts) { Concurrency = concurrency };
            using IPageSource source = Make(kind, inner);
            Assert.Equal(inner.Length, source.Length);
            Assert.Equal(new SourceRun(4000, SourceRunKind.Data), source.GetRun(96, 9999));
            Assert.Equal(new SourceRun(4096, SourceRunKind.Hole), source.GetRun(4096, 9999));
            byte[] found = new byte[inner.Bytes.Length];
            source.Read(0, found);
            Assert.Equal(inner.Bytes, found);
            found.AsSpan().Clear();
            await source.ReadAsync(0, found, None);
            Assert.Equal(inner.Bytes, found);
            Assert.Equal(concurrency > 0 || kind is "retrying" or "delayed", source.Concurrency > 0);
        }
    }

    [Theory]
    [InlineData("retrying", true)]
    [InlineData("lost", true)]
    [InlineData("metered", false)]
    [InlineData("delayed", false)]
    [InlineData("faulty", false)]
    public void Direct_access_does_not_pass_by_what_must_see_the_reads(string kind, bool passes)
    {
        using IPageSource source = Make(kind, new RunSource(1, Parts) { Direct = true });
        Assert.Equal(passes ? DirectAccess.Full : DirectAccess.None, source.GetDirect(0, 4096, out ulong address));
        Assert.Equal(passes, address != 0);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Inner_source_is_disposed_if_it_is_its_own(string kind)
    {
        foreach (bool owns in (bool[])[true, false])
        {
            var inner = new RunSource(1, Parts);
            Make(kind, inner, owns).Dispose();
            Assert.Equal(owns, inner.IsDisposed);
        }
    }

    [Fact]
    public async Task Meter_counts_what_is_read_how_long_it_takes_and_what_fails()
    {
        var clock = new InstantClock();
        var observer = new Observer();
        var delayed = new DelayedPageSource(
            new FaultyPageSource(new RunSource(1, Parts), new FaultyOptions { Reads = [3] }), SourceLatency.Fixed(TimeSpan.FromMilliseconds(5)), clock: clock);
        using var source = new MeteredPageSource(delayed, observer, clock);
        source.Read(0, new byte[4096]);
        await source.ReadAsync(4096, new byte[1000], None);
        await Assert.ThrowsAsync<IOException>(() => source.ReadAsync(8192, new byte[1], None).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => source.ReadAsync(0, new byte[1], new CancellationToken(canceled: true)).AsTask());
        SourceStatistics statistics = source.GetStatistics();
        Assert.Equal((2, 5096, 1, 1, 0), (statistics.Reads, statistics.Bytes, statistics.Failures, statistics.Cancellations, statistics.InFlight));
        Assert.Equal(2, statistics.Latency.Count);
        Assert.InRange(statistics.Latency.Percentile(0.5), 5e6 * 0.9, 5e6 * 1.1);
        Assert.Equal(
            [SourceReadResult.Done, SourceReadResult.Done, SourceReadResult.Failed, SourceReadResult.Cancelled],
            observer.Reads.Select(read => read.Result));
        Assert.Equal(new SourceRead(4096, 1000, TimeSpan.FromMilliseconds(5), SourceReadResult.Done), observer.Reads[1]);
    }

    [Fact]
    public async Task Meter_sees_reads_in_flight()
    {
        using var gated = new GatedSource(new byte[4096]);
        using var source = new MeteredPageSource(gated);
        Task read = NativeTouch.Run(() =>
        {
            source.Read(0, new byte[8]);
            return true;
        });
        await gated.ArrivedAsync();
        Assert.Equal(1, source.GetStatistics().InFlight);
        gated.Open();
        await read;
        Assert.Equal(0, source.GetStatistics().InFlight);
    }

    [Fact]
    public async Task Delays_are_as_they_are_distributed()
    {
        TimeSpan ms = TimeSpan.FromMilliseconds(1);
        (SourceLatency Latency, double Least, double Most, double Mean)[] all =
        [
            (SourceLatency.Fixed(7 * ms), 7, 7, 7),
            (SourceLatency.Uniform(10 * ms, 30 * ms), 10, 30, 20),
            (SourceLatency.Exponential(10 * ms, 30 * ms), 10, 400, 30),
            (SourceLatency.FromQuantiles(share => share < 0.9 ? ms : 101 * ms), 1, 101, 11),
        ];
        foreach ((SourceLatency latency, double least, double most, double mean) in all)
        {
            var clock = new InstantClock();
            using var source = new DelayedPageSource(new RunSource(1, Parts), latency, clock: clock, seed: 3);
            for (int read = 0; read < 1000; read++)
            {
                await source.ReadAsync(0, new byte[1], None);
            }

            double[] pauses = [.. clock.Pauses.Select(pause => pause.TotalMilliseconds)];
            Assert.Equal(1000, pauses.Length);
            Assert.InRange(pauses.Min(), least, most);
            Assert.InRange(pauses.Max(), least, most);
            Assert.InRange(pauses.Average(), mean * 0.9, (mean * 1.1) + 0.5); // timers count whole milliseconds
        }
    }

    [Theory]
    [InlineData(0, 64, 64)]
    [InlineData(0, 0, 0)]
    [InlineData(7, 64, 7)]
    [InlineData(7, 3, 3)]
    public void Delayed_source_tells_how_many_reads_it_bears(int inner, int told, int expected)
    {
        using var source = new DelayedPageSource(new RunSource(1, Parts) { Concurrency = inner }, SourceLatency.Fixed(TimeSpan.Zero), told);
        Assert.Equal(expected, source.Concurrency);
    }

    [Fact]
    public async Task Delays_run_beside_each_other()
    {
        using var source = new DelayedPageSource(new RunSource(1, Parts), SourceLatency.Fixed(TimeSpan.FromMilliseconds(100)));
        long start = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => source.ReadAsync(0, new byte[1], None).AsTask()));
        Assert.InRange(TimeProvider.System.GetElapsedTime(start).TotalMilliseconds, 100, 5000); // one after the other: 10 s
    }

    [Fact]
    public void Faults_come_by_rate_and_by_seed()
    {
        static bool[] Fates(ulong seed)
        {
            using var source = new FaultyPageSource(new RunSource(1, Parts), new FaultyOptions { Rate = 0.2, Seed = seed });
            bool[] fates = [.. Enumerable.Range(0, 2000).Select(_ => Fails(source, 0, 8))];
            Assert.Equal(fates.Count(fails => fails), source.Failures);
            Assert.Equal(2000, source.Reads);
            return fates;
        }

        Assert.InRange(Fates(1).Count(fails => fails), 320, 480);
        Assert.Equal(Fates(1), Fates(1));
        Assert.NotEqual(Fates(1), Fates(2));
    }

    [Fact]
    public void Faults_come_by_place_and_by_number()
    {
        using var source = new FaultyPageSource(new RunSource(1, Parts), new FaultyOptions { Ranges = [new SourceRange(100, 10), new SourceRange(4096, 1)], Reads = [2, 5] });
        Assert.Equal(
            [false, true, true, true, true, false, true],
            [Fails(source, 0, 100), Fails(source, 0, 8), Fails(source, 0, 101), Fails(source, 109, 1), Fails(source, 110, 1), Fails(source, 110, 99), Fails(source, 4000, 4000)]);
    }

    [Fact]
    public async Task Fault_may_take_its_time()
    {
        var clock = new InstantClock();
        using var source = new FaultyPageSource(new RunSource(1, Parts), new FaultyOptions { Reads = [1, 3], Delay = TimeSpan.FromSeconds(30), Clock = clock });
        Assert.True(Fails(source, 0, 8));
        Assert.False(Fails(source, 0, 8));
        await Assert.ThrowsAsync<IOException>(() => source.ReadAsync(0, new byte[8], None).AsTask());
        Assert.Equal([TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30)], clock.Pauses);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Rate_that_is_none_is_refused(double rate)
        => Assert.Throws<ArgumentOutOfRangeException>(() => new FaultyPageSource(new RunSource(1, Parts), new FaultyOptions { Rate = rate }));

    private static bool Fails(FaultyPageSource source, ulong offset, int length)
    {
        byte[] found = new byte[length];
        try
        {
            source.Read(offset, found);
            return false;
        }
        catch (IOException)
        {
            Assert.True(found.All(one => one == 0), "a read that fails gives nothing");
            return true;
        }
    }

    private static IPageSource Make(string kind, IPageSource inner, bool owns = true) => kind switch
    {
        "retrying" => new RetryingPageSource(inner, ownsInner: owns),
        "metered" => new MeteredPageSource(inner, ownsInner: owns),
        "delayed" => new DelayedPageSource(inner, SourceLatency.Fixed(TimeSpan.Zero), ownsInner: owns),
        "faulty" => new FaultyPageSource(inner, new FaultyOptions(), owns),
        _ => new LostRangesPageSource(inner, [], owns),
    };

    private sealed class Observer : ISourceReadObserver
    {
        public List<SourceRead> Reads { get; } = [];

        public void ReadEnded(in SourceRead read) => Reads.Add(read);
    }
}
