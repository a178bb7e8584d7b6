using System.Buffers;
using System.Text.Json;

namespace Uffd.Paging.Tests;

/// <summary>Writing one thing behind the other into paged memory.</summary>
public sealed class PagedBufferWriterTests
{
    [Fact]
    public Task Json_larger_than_the_limit_is_written_and_saved() => Bounded.RunAsync(() =>
    {
        Requires.Paging();
        int[] numbers = [.. Enumerable.Range(0, 150_000).Select(index => index * 7919)];
        byte[] expected = JsonSerializer.SerializeToUtf8Bytes(numbers);
        var store = new SurfaceStore(new byte[expected.Length + 100]); // the writer asks for more than it needs: the last bytes go another way
        using (PagedRegion region = store.Open())
        {
            using var writer = new PagedBufferWriter(region.Memory, 100);
            using (var json = new Utf8JsonWriter(writer))
            {
                JsonSerializer.Serialize(json, numbers);
            }

            Assert.Equal(expected.Length, writer.Written);
            Assert.Equal(0, writer.Remaining);
        }

        Assert.Equal(expected, store.Bytes[100..]);
        Assert.Equal(new byte[100], store.Bytes[..100]);
    });

    [Fact]
    public Task Random_writes_are_those_into_a_buffer_on_the_heap() => Bounded.RunAsync(() =>
    {
        Requires.Paging();
        var random = new Random(17);
        var store = new SurfaceStore(new byte[1_500_000]);
        var expected = new ArrayBufferWriter<byte>();
        using (PagedRegion region = store.Open())
        {
            using var writer = new PagedBufferWriter(region.Memory);
            while (writer.Remaining > 0)
            {
                int hint = random.Next(4) == 0 ? 0 : random.Next(random.Next(2) == 0 ? 20 : 100_000);
                int room = random.Next(2) == 0 ? writer.GetSpan(hint).Length : writer.GetMemory(hint).Length;
                Assert.InRange(room, Math.Max(1, hint), int.MaxValue);
                byte[] bytes = new byte[(int)Math.Min(Math.Min(room, writer.Remaining), random.Next(hint + 50))];
                random.NextBytes(bytes);
                bytes.CopyTo(writer.GetSpan(hint));
                bytes.CopyTo(writer.GetMemory(hint));
                writer.Advance(bytes.Length);
                expected.Write(bytes);
                Assert.Equal(expected.WrittenCount, writer.Written);
            }

            Assert.InRange(region.GetStatistics().Leases, 0, 1);
        }

        Assert.True(expected.WrittenSpan.SequenceEqual(store.Bytes));
    });

    [Fact]
    public void What_does_not_fit_is_refused_and_nothing_of_it_written()
    {
        Requires.Paging();
        var store = new SurfaceStore([.. Enumerable.Repeat((byte)7, 10)]);
        using (PagedRegion region = store.Open())
        {
            using var writer = new PagedBufferWriter(region.Memory, 6);
            Assert.Throws<InvalidOperationException>(() => writer.Advance(1)); // nothing was handed out
            writer.GetSpan(5).Clear();
            InvalidOperationException refusal = Assert.Throws<InvalidOperationException>(() => writer.Advance(5));
            Assert.Contains("4 bytes left, and 5", refusal.Message, StringComparison.Ordinal);
            Assert.Equal(0, writer.Written);
            writer.Advance(3);
            Assert.Equal(1, writer.Remaining);
            writer.Dispose();
            Assert.Throws<ObjectDisposedException>(() => writer.GetSpan().Clear());
            Assert.Throws<ObjectDisposedException>(() => writer.Advance(0));
            Assert.Equal(0, region.GetStatistics().Leases);
            Assert.Throws<ArgumentOutOfRangeException>(() => new PagedBufferWriter(region.Memory, 11));
        }

        Assert.Equal([7, 7, 7, 7, 7, 7, 0, 0, 0, 7], store.Bytes);
    }
}
