namespace Uffd.Paging.Tests.Load;

/// <summary>Serving a fault allocates nothing: no collection is ever the pager's own doing.</summary>
public class AllocationTests
{
    private const ulong Faults = 12_000;
    private const int WarmUp = 1_000;

    [Theory]
    [InlineData(DirectAccess.Full, UffdFeatures.None, 0)]
    [InlineData(DirectAccess.KernelOnly, Served.AllEvents, 0)]
    [InlineData(DirectAccess.None, Served.AllEvents, 0)]
    [InlineData(DirectAccess.None, UffdFeatures.None, 0)]
    [InlineData(DirectAccess.Full, UffdFeatures.None, 4)]
    [InlineData(DirectAccess.KernelOnly, Served.AllEvents, 4)]
    public async Task Faults_allocate_nothing(DirectAccess access, UffdFeatures features, int pagesAhead)
    {
        // The runtime allocates one object once, on whatever thread, when it compiles hot code anew; without tiered compilation
        // (DOTNET_TieredCompilation=0) there is none. What the pager did itself would come again.
        int allocating = await MeasureAsync(access, features, allocates: false, pagesAhead);
        Assert.InRange(allocating, 0, string.Equals(Environment.GetEnvironmentVariable("DOTNET_TieredCompilation"), "0", StringComparison.Ordinal) ? 0 : 1);
    }

    [Fact]
    public async Task Measurement_finds_one_object_a_fault()
    {
        // The control of the one above.
        Assert.Equal((int)Faults - WarmUp - 1, await MeasureAsync(DirectAccess.Full, UffdFeatures.None, allocates: true));
    }

    /// <returns>How many faults allocated anything, after the warm-up.</returns>
    private static async Task<int> MeasureAsync(DirectAccess access, UffdFeatures features, bool allocates, int pagesAhead = 0)
    {
        using var source = new MeasuringSource(Pattern.Bytes(Faults * Served.Page, salt: 4), access, allocates);
        await using Served served = await Served.StartAsync(Faults * Served.Page, source, new Setup
        {
            Features = features,
            Options = new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = (ulong)pagesAhead * Served.Page },
        });
        Assert.Equal(Pattern.Hash(Faults * Served.Page, salt: 4), await served.HashAsync(0, Faults * Served.Page));
        Assert.InRange(source.Count, WarmUp * 2, (int)Faults / Math.Max(1, pagesAhead) * 2);
        Assert.True(pagesAhead > 0 || source.Count == (int)Faults);
        return Enumerable.Range(WarmUp + 1, source.Count - WarmUp - 1).Count(index => source.Samples[index] != source.Samples[index - 1]);
    }

    /// <summary>Notes at each fault what the thread that serves it has allocated so far.</summary>
    private sealed class MeasuringSource(byte[] bytes, DirectAccess access, bool allocates) : IPageSource
    {
        private readonly MemoryPageSource _memory = MemoryPageSource.FromBytes(bytes);
        private object? _garbage;

        public long[] Samples { get; } = new long[Faults];

        public int Count { get; private set; }

        public ulong Length => _memory.Length;

        public SourceRun GetRun(ulong offset, ulong length)
        {
            _garbage = allocates ? new object() : _garbage;
            Samples[Count++] = GC.GetAllocatedBytesForCurrentThread();
            return new SourceRun(length, SourceRunKind.Data);
        }

        public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
        {
            _memory.GetDirect(offset, length, out address);
            return access;
        }

        public void Read(ulong offset, Span<byte> destination) => _memory.Read(offset, destination);

        public void Dispose() => _memory.Dispose();
    }
}
