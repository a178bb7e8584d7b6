namespace Uffd.Paging.OwnMemory.Tests.Races;

/// <summary>A store tells that there is nothing, and before that is acted on somebody has written there.</summary>
public sealed class ZerosRaceTests
{
    private const int Pages = 256;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_written_and_has_gone_again_is_not_taken_for_zeros(bool isTask)
    {
        Requires.Paging();
        using var gate = new Gate();
        var store = new SlowToTell(Pages * (ulong)MemoryStore.Page, (ulong)Small.At(9), gate);
        using var region = PagedRegion.Create(store, new PagedRegionOptions { MemoryLimit = Small.LimitPages * (ulong)MemoryStore.Page, ReadAheadBytes = 0 });
        Task<byte> late = Small.Run(() => isTask
            ? region.Memory.ReadAsync<byte>(Small.At(9), TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult()
            : region.Memory.Read<byte>(Small.At(9)));
        gate.AwaitArrival(); // it knows of zeros, and has not claimed the page yet
        region.Memory.Write(Small.At(9), (byte)42);
        region.Flush();
        for (int turn = 0; !IsAbsent(region, 9); turn++)
        {
            Assert.True(turn < 100 * Pages, "page 9 does not go");
            region.Memory.Read<byte>(Small.At(10 + (turn % (Pages - 10))));
        }

        gate.Open();
        Assert.Equal(42, await late);
    }

    private static bool IsAbsent(PagedRegion region, int page) => (region.Pages.Get(page) & (PageBits.Ready | PageBits.Kind)) == PageBits.Absent;

    /// <summary>Holds up the first who asks what is at an offset, when the answer is known.</summary>
    private sealed class SlowToTell(ulong length, ulong where, Gate gate) : IPageStore
    {
        private readonly MemoryPageStore _inner = new(length);
        private int _asked;

        public ulong Length => length;

        public SourceRun GetRun(ulong offset, ulong count)
        {
            SourceRun run = _inner.GetRun(offset, count);
            if (offset == where && Interlocked.Exchange(ref _asked, 1) == 0)
            {
                gate.Pass();
            }

            return run;
        }

        public void Read(ulong offset, Span<byte> destination) => _inner.Read(offset, destination);

        public void Write(ulong offset, ReadOnlySpan<byte> source) => _inner.Write(offset, source);

        public void Flush() => _inner.Flush();

        public void Dispose() => _inner.Dispose();
    }
}
