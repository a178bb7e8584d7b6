using System.IO.Compression;
using System.Text;

namespace Uffd.Paging.Tests;

/// <summary>Paged memory as a stream does what a stream over an array does.</summary>
public sealed class PagedStreamTests
{
    [Fact]
    public Task Random_work_is_that_on_a_memory_stream() => Bounded.RunAsync(async () =>
    {
        Requires.Paging();
        var random = new Random(23);
        byte[] expectedBytes = Pattern.Bytes(1_000_000);
        var store = new SurfaceStore([.. expectedBytes]);
        using var expected = new MemoryStream(expectedBytes);
        await using (PagedRegion region = store.Open())
        {
            await using PagedStream stream = region.Memory.AsStream();
            Assert.Equal(expected.Length, stream.Length);
            for (int turn = 0; turn < 1500; turn++)
            {
                int count = random.Next(random.Next(2) == 0 ? 30 : 150_000);
                byte[] ours = new byte[count];
                byte[] theirs = new byte[count];
                switch (random.Next(6))
                {
                    case 0:
                        Assert.Equal(expected.Read(theirs, 0, count), stream.Read(ours, 0, count));
                        break;
                    case 1:
                        Assert.Equal(expected.Read(theirs), await stream.ReadAsync(ours, TestContext.Current.CancellationToken));
                        break;
                    case 2 when expected.Position + count <= expected.Length:
                        random.NextBytes(ours);
                        ours.CopyTo(theirs, 0);
                        expected.Write(theirs);
                        stream.Write(ours);
                        break;
                    case 3 when expected.Position + count <= expected.Length:
                        random.NextBytes(ours);
                        ours.CopyTo(theirs, 0);
                        expected.Write(theirs);
                        await stream.WriteAsync(ours, TestContext.Current.CancellationToken);
                        break;
                    case 4:
                        long to = random.Next(1_200_000);
                        SeekOrigin origin = (SeekOrigin)random.Next(3);
                        long offset = to - (origin == SeekOrigin.Begin ? 0 : origin == SeekOrigin.Current ? expected.Position : expected.Length);
                        Assert.Equal(expected.Seek(offset, origin), stream.Seek(offset, origin));
                        break;
                    default:
                        Assert.Equal(expected.ReadByte(), stream.ReadByte());
                        if (expected.Position < expected.Length)
                        {
                            expected.WriteByte(unchecked((byte)turn));
                            stream.WriteByte(unchecked((byte)turn));
                        }

                        break;
                }

                Assert.Equal(expected.Position, stream.Position);
                Assert.True(ours.AsSpan().SequenceEqual(theirs));
            }
        }

        Assert.True(expectedBytes.AsSpan().SequenceEqual(store.Bytes));
    });

    [Fact]
    public Task Readers_and_writers_of_streams_work_on_it() => Bounded.RunAsync(async () =>
    {
        Requires.Paging();
        var store = new SurfaceStore(new byte[2 << 20]);
        await using PagedRegion region = store.Open();
        long written;
        await using (PagedStream stream = region.Memory.AsStream())
        {
            await using (var zip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true))
            await using (var writer = new StreamWriter(zip))
            {
                for (int line = 0; line < 40_000; line++)
                {
                    await writer.WriteLineAsync($"line {line * 7919}");
                }
            }

            written = stream.Position;
        }

        using var reader = new StreamReader(new GZipStream(region.Memory.Slice(0, written).AsStream(), CompressionMode.Decompress), Encoding.UTF8);
        for (int line = 0; line < 40_000; line++)
        {
            Assert.Equal($"line {line * 7919}", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        }

        Assert.Null(await reader.ReadLineAsync(TestContext.Current.CancellationToken));
    });

    [Fact]
    public void What_does_not_fit_is_refused_and_nothing_of_it_written()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(new byte[10]).Open();
        using PagedStream stream = region.Memory.AsStream();
        stream.Position = 8;
        Assert.Throws<IOException>(() => stream.Write([1, 2, 3]));
        Assert.Equal(8, stream.Position);
        Assert.Equal(0, region.Memory.Read<byte>(8));
        stream.Position = 20;
        Assert.Equal(-1, stream.ReadByte());
        Assert.Equal(0, stream.Read(new byte[5]));
        stream.Write([]);
        Assert.Throws<IOException>(() => stream.WriteByte(1));
        Assert.Throws<IOException>(() => stream.Seek(-1, SeekOrigin.Begin));
        Assert.Throws<IOException>(() => stream.Seek(-11, SeekOrigin.End));
        Assert.Throws<NotSupportedException>(() => stream.SetLength(5));
        stream.Dispose();
        Assert.False(stream.CanRead);
        Assert.Throws<ObjectDisposedException>(() => stream.ReadByte());
        Assert.Throws<ObjectDisposedException>(() => stream.Position);
        Assert.Equal(0, region.Memory.Read<byte>(0)); // the region lives on
    }

    [Fact]
    public void Stream_over_a_region_that_is_read_only_says_so()
    {
        Requires.Paging();
        using PagedRegion region = PagedRegion.OpenReadOnly(new SurfaceStore(new byte[10]));
        using PagedStream stream = region.Memory.AsStream();
        Assert.False(stream.CanWrite);
        Assert.Throws<RegionReadOnlyException>(() => stream.WriteByte(1));
    }
}
