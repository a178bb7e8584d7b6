using System.Buffers;
using System.Text.Json;

namespace Uffd.Paging.Tests;

/// <summary>Leased memory for parsers and for what takes a Memory.</summary>
public sealed class LeasedSequenceTests
{
    [Theory]
    [InlineData(1 << 30)]
    [InlineData(4096)]
    [InlineData(1)]
    [InlineData(7)]
    public void Json_is_read_from_segments_of_any_size(int segment)
    {
        Requires.Paging();
        int[] numbers = [.. Enumerable.Range(0, 1500).Select(index => index * 7919)];
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(numbers);
        using PagedRegion region = new SurfaceStore([.. new byte[5000], .. json]).Open();
        using LeasedSequence leased = region.Memory.LeaseSequence(5000, json.Length, segment);
        Assert.Equal(json.Length, leased.Sequence.Length);
        Assert.Equal(json.Length <= segment, leased.Sequence.IsSingleSegment);
        var reader = new Utf8JsonReader(leased.Sequence);
        var found = new List<int>();
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.Number)
            {
                found.Add(reader.GetInt32());
            }
        }

        Assert.Equal(numbers, found);
        Assert.Equal(json, leased.Sequence.ToArray());
    }

    [Fact]
    public async Task Disposed_it_holds_nothing_and_what_was_taken_of_it_throws()
    {
        Requires.Paging();
        await using PagedRegion region = new SurfaceStore(Pattern.Bytes(1 << 20)).Open();
        LeasedSequence leased = await region.Memory.LeaseSequenceAsync(100, 50_000, TestContext.Current.CancellationToken);
        ReadOnlySequence<byte> sequence = leased.Sequence;
        ReadOnlyMemory<byte> memory = sequence.First;
        Assert.Equal(Pattern.ByteAt(100), memory.Span[0]);
        Assert.Equal(1, region.GetStatistics().Leases);
        leased.Dispose();
        leased.Dispose();
        Assert.Equal(0, region.GetStatistics().Leases);
        Assert.Throws<ObjectDisposedException>(() => leased.Sequence);
        Assert.Throws<ObjectDisposedException>(() => memory.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
    }

    [Fact]
    public void More_than_half_of_the_limit_is_refused()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(new byte[1 << 20]).Open();
        long half = (long)SurfaceStore.SmallestLimit / 2;
        using (LeasedSequence most = region.Memory.LeaseSequence(0, half))
        {
            Assert.Equal(half, most.Sequence.Length);
        }

        ArgumentOutOfRangeException refusal = Assert.Throws<ArgumentOutOfRangeException>(() => region.Memory.LeaseSequence(0, half + 1));
        Assert.Contains("half of the region's limit", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => region.Memory.LeaseSequence((1 << 20) - 5, 6));
        using LeasedSequence empty = region.Memory.LeaseSequence(1 << 20, 0);
        Assert.True(empty.Sequence.IsEmpty);
    }

    [Fact]
    public void Segment_that_cannot_be_read_gives_the_others_back()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(new byte[1 << 20]) { BadFrom = 90_000 }.Open();
        Assert.Throws<IOException>(() => region.Memory.LeaseSequence(0, 100_000, 4096));
        Assert.Equal(0, region.GetStatistics().Leases);
        using LeasedSequence before = region.Memory.LeaseSequence(0, 80_000, 4096);
        Assert.Equal(80_000, before.Sequence.Length);
    }

    [Fact]
    public async Task Lease_as_memory_takes_what_a_stream_reads_and_is_known_when_it_is_given_back()
    {
        Requires.Paging();
        byte[] bytes = Pattern.Bytes(20_000);
        var store = new SurfaceStore(new byte[100_000]);
        await using (PagedRegion region = store.Open())
        {
            Memory<byte> kept;
            using (PageLease lease = region.Memory.Lease(4000, bytes.Length, PageAccess.Write))
            {
                using var stream = new MemoryStream(bytes);
                await stream.ReadExactlyAsync(lease.AsMemory(), TestContext.Current.CancellationToken);
                kept = lease.AsMemory();
            }

            Assert.Throws<ObjectDisposedException>(() => kept.Span[0]);
            using PageLease toRead = region.Memory.Lease(4000, 10, PageAccess.Read);
            Assert.Throws<InvalidOperationException>(() => toRead.AsMemory());
            Assert.Equal(bytes[..10], toRead.AsReadOnlyMemory().ToArray());
            using MemoryHandle pinned = toRead.AsReadOnlyMemory()[3..].Pin();
            Assert.Equal(toRead.UnsafeAddress + 3, AddressOf(pinned));
        }

        Assert.Equal(bytes, store.Bytes[4000..24_000]);
    }

    private static unsafe nint AddressOf(MemoryHandle handle) => (nint)handle.Pointer; // compared, not followed
}
