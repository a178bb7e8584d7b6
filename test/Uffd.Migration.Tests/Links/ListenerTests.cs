using System.Net;
using System.Net.Sockets;

namespace Uffd.Migration.Tests.Links;

/// <summary>Who connects to a listener without being of a whole link.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class ListenerTests
{
    private const int Silent = 150; // more than may wait

    [Fact]
    public async Task Silent_connections_hold_up_nobody()
    {
        using var pair = new LinkPair("tcp");
        var silent = new List<Socket>();
        try
        {
            for (int count = 0; count < Silent; count++)
            {
                silent.Add(Connect(pair));
            }

            (MigrationLink here, MigrationLink there) = await pair.ConnectAsync(3);
            using (here)
            using (there)
            {
                here.Streams[2].WriteByte(9);
                Assert.Equal(9, there.Streams[2].ReadByte());
                Assert.InRange(pair.Listener.WaitingCount, 1, 64);
            }
        }
        finally
        {
            silent.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public void Silent_connection_is_closed_after_a_while()
    {
        using var pair = new LinkPair("tcp", options => options with { ConnectTimeout = TimeSpan.FromMilliseconds(50) });
        using Socket socket = Connect(pair);
        Assert.True(IsClosed(socket));
    }

    [Fact]
    public void Link_whose_connections_do_not_all_come_is_closed_after_a_while()
    {
        using var pair = new LinkPair("tcp", options => options with { ConnectTimeout = TimeSpan.FromMilliseconds(300) });
        using Socket socket = Connect(pair);
        socket.Send(new LinkPreface(Guid.NewGuid(), 1, 3).Encode());
        Assert.True(IsClosed(socket));
    }

    [Theory]
    [InlineData("other magic")]
    [InlineData("checksum")]
    [InlineData("no connection")]
    [InlineData("too many")]
    [InlineData("number")]
    public void What_speaks_otherwise_is_closed_at_once(string what)
    {
        using var pair = new LinkPair("tcp");
        byte[] said = (what switch
        {
            "no connection" => new LinkPreface(Guid.NewGuid(), 0, 0),
            "too many" => new LinkPreface(Guid.NewGuid(), 0, MigrationLink.MaxStreams + 1),
            "number" => new LinkPreface(Guid.NewGuid(), 2, 2),
            _ => new LinkPreface(Guid.NewGuid(), 0, 1),
        }).Encode();
        said[0] ^= (byte)(what is "other magic" ? 1 : 0);
        said[30] ^= (byte)(what is "checksum" ? 1 : 0);
        using Socket socket = Connect(pair);
        socket.Send(said);
        Assert.True(IsClosed(socket));
    }

    [Fact]
    public async Task Session_may_connect_again_while_its_old_link_exists()
    {
        using var pair = new LinkPair("tcp");
        var session = Guid.NewGuid();
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync(3, session);
        (MigrationLink hereAgain, MigrationLink thereAgain) = await pair.ConnectAsync(1, session);
        using (here)
        using (there)
        using (hereAgain)
        using (thereAgain)
        {
            Assert.Equal(session, thereAgain.Session);
            hereAgain.Streams[0].WriteByte(1);
            here.Streams[0].WriteByte(2);
            Assert.Equal(1, thereAgain.Streams[0].ReadByte());
            Assert.Equal(2, there.Streams[0].ReadByte());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Attempt_that_came_to_nothing_does_not_mix_with_the_next(bool closes)
    {
        using var pair = new LinkPair("tcp");
        var session = Guid.NewGuid();
        using Socket first = Connect(pair);
        first.Send(new LinkPreface(session, 0, 2).Encode());
        if (closes)
        {
            first.Dispose();
        }

        using Socket second = Connect(pair);
        second.Send(new LinkPreface(session, 0, 2).Encode());
        using Socket third = Connect(pair);
        third.Send(new LinkPreface(session, 1, 2).Encode());
        using MigrationLink there = await pair.Listener.AcceptAsync(TestContext.Current.CancellationToken).WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
        byte[] answer = new byte[8];
        Assert.Equal(8, third.Receive(answer));
        Assert.Equal("UffdOk1\n"u8.ToArray(), answer);
    }

    [Fact]
    public async Task Preface_is_as_documented()
    {
        using var pair = new LinkPair("tcp");
        using Socket socket = Connect(pair);
        byte[] said = Convert.FromHexString("5566666D" + "4D696731" + "00112233445566778899AABBCCDDEEFF" + "0000" + "0100" + "00000000");
        said[2] = (byte)'f';
        said[3] = (byte)'d';
        BitConverter.TryWriteBytes(said.AsSpan(28), Paging.Crc32C.Of(said.AsSpan(0, 28)));
        socket.Send(said);
        using MigrationLink there = await pair.Listener.AcceptAsync(TestContext.Current.CancellationToken).WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), there.Session);
        Assert.Single(there.Streams);
    }

    [Fact]
    public async Task Disposing_ends_those_who_wait_and_frees_the_address()
    {
        using var pair = new LinkPair("tcp");
        Task<MigrationLink> accepting = pair.Listener.AcceptAsync(TestContext.Current.CancellationToken);
        using Socket waiting = Connect(pair);
        waiting.Send(new LinkPreface(Guid.NewGuid(), 0, 2).Encode());
        pair.Listener.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => accepting.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
        Assert.True(IsClosed(waiting));
        using MigrationListener again = MigrationListener.Listen(pair.Listener.Address);
        Assert.Equal(pair.Listener.Address, again.Address);
    }

    private static Socket Connect(LinkPair pair)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)LinkPair.Patience.TotalMilliseconds };
        socket.Connect(new IPEndPoint(IPAddress.Loopback, pair.Listener.Address.Port));
        return socket;
    }

    private static bool IsClosed(Socket socket)
    {
        try
        {
            return socket.Receive(new byte[1]) == 0;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode == SocketError.ConnectionReset;
        }
    }
}
