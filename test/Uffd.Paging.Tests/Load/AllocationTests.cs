namespace Uffd.Paging.Tests.Load;

/// <summary>Serving a fault allocates nothing: no collection is ever the pager's own doing.</summary>
public class AllocationTests
{
    private const ulong Faults = 12_000;
    private const int WarmUp = 1_000;

    [Theory]
    [InlineData(DirectAccess.Full, UffdFeatures.None)]
    [InlineData(DirectAccess.KernelOnly, Served.AllEvents)]
    [InlineData(DirectAccess.None, Served.AllEvents)]
    [InlineData(DirectAccess.None, UffdFeatures.None)]
    public async Task Faults_allocate_nothing(DirectAccess access, UffdFeatures features)
        => Assert.Equal(0, await MeasureAsync(access, features, allocates: false));

    [Fact]
    public async Task Measurement_finds_one_object_a_fault()
    {
        // The control of the one above.
        long bytes = await MeasureAsync(DirectAccess.Full, UffdFeatures.None, allocates: true);
        Assert.True(bytes >= 24 * (long)(Faults - WarmUp - 1), $"{bytes} bytes");
    }

    private static async Task<long> MeasureAsync(DirectAccess access, UffdFeatures features, bool allocates)
    {
        using var source = new MeasuringSource(Pattern.Bytes(Faults * Served.Page, salt: 4), access, allocates);
        await using Served served = await Served.StartAsync(Faults * Served.Page, source, new Setup { Features = features });
        Assert.Equal(Pattern.Hash(Faults * Served.Page, salt: 4), await served.HashAsync(0, Faults * Served.Page));
        Assert.Equal((int)Faults, source.Count);
        return source.Samples[source.Count - 1] - source.Samples[WarmUp];
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
