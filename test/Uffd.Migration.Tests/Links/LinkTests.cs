using System.Globalization;
using System.Net.Sockets;

namespace Uffd.Migration.Tests.Links;

/// <summary>What a link carries, and how it ends.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class LinkTests
{
    public static TheoryData<string> Kinds => LinkPair.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Each_connection_is_connected_to_that_of_its_number(string kind)
    {
        using var pair = new LinkPair(kind);
        var session = Guid.NewGuid();
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync(4, session);
        using (here)
        using (there)
        {
            Assert.Equal(session, there.Session);
            Assert.Equal(4, there.Streams.Count);
            for (int index = 0; index < 4; index++)
            {
                here.Streams[index].WriteByte((byte)index);
                there.Streams[3 - index].WriteByte((byte)(10 + 3 - index));
            }

            for (int index = 0; index < 4; index++)
            {
                Assert.Equal(index, there.Streams[index].ReadByte());
                Assert.Equal(10 + index, here.Streams[index].ReadByte());
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Both_directions_carry_bytes_at_once(string kind)
    {
        const int Bytes = 8 << 20;
        using var pair = new LinkPair(kind);
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync();
        using (here)
        using (there)
        {
            byte[] content = new byte[Bytes];
            new Random(3).NextBytes(content);
            Task[] writes = [.. new[] { here, there }.Select(link => NativeTouch.Run(
                () =>
                {
                    link.Streams[0].Write(content);
                    return true;
                },
                LinkPair.Patience))];
            foreach (Task<byte[]> read in new[] { here, there }.Select(link => NativeTouch.Run(
                () =>
                {
                    byte[] read = new byte[Bytes];
                    link.Streams[0].ReadExactly(read);
                    return read;
                },
                LinkPair.Patience)).ToArray())
            {
                Assert.Equal(content, await read);
            }

            await Task.WhenAll(writes);
        }
    }

    [Theory]
    [InlineData("tcp")]
    [InlineData("unix")]
    public async Task Sockets_block_so_that_a_read_is_one_call(string kind)
    {
        using var pair = new LinkPair(kind);
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync(2);
        using (here)
        using (there)
        {
            Assert.All(here.Streams.Concat(there.Streams), stream =>
            {
                Socket socket = Assert.IsType<NetworkStream>(stream).Socket;
                string flags = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{socket.Handle}")).First(line => line.StartsWith("flags:", StringComparison.Ordinal));
                const int NonBlocking = 0x800; // O_NONBLOCK
                Assert.Equal(0, Convert.ToInt32(flags["flags:".Length..].Trim(), 8) & NonBlocking);
            });
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Closing_ends_a_read_that_waits(string kind)
    {
        using var pair = new LinkPair(kind);
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync();
        using (there)
        {
            var waiting = new WaitingThread(() => _ = here.Streams[0].Read(new byte[16]));
            await waiting.WaitUntilItWaitsAsync();
            here.Dispose();
            await waiting.EndAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Closing_ends_a_write_that_waits_and_a_read_beside_it(string kind)
    {
        using var pair = new LinkPair(kind);
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync();
        using (there)
        {
            byte[] much = new byte[256 << 20]; // more than all buffers on the way hold
            var writing = new WaitingThread(() => here.Streams[0].Write(much));
            var reading = new WaitingThread(() => _ = here.Streams[0].Read(new byte[16]));
            await reading.WaitUntilItWaitsAsync();
            await writing.WaitUntilItWaitsAsync();
            here.Dispose();
            await writing.EndAsync();
            await reading.EndAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Closing_there_ends_what_waits_here(string kind)
    {
        using var pair = new LinkPair(kind);
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync();
        using (here)
        {
            var reading = new WaitingThread(() => _ = here.Streams[0].Read(new byte[16]));
            await reading.WaitUntilItWaitsAsync();
            there.Dispose();
            await reading.EndAsync();
        }
    }
}
