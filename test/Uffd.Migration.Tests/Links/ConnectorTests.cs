using System.Net;
using System.Net.Sockets;

namespace Uffd.Migration.Tests.Links;

/// <summary>What is said where no link can be made.</summary>
public sealed class ConnectorTests
{
    [Fact]
    public async Task Nobody_listens()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // does not listen, and keeps others from it
        int port = ((IPEndPoint)probe.LocalEndPoint!).Port;
        Assert.Equal($"cannot connect to 127.0.0.1:{port}: nobody listens there", await FailAsync(new MigrationAddress("127.0.0.1", port, null)));
        using var folder = new TemporaryFolder();
        string path = folder.File("none");
        Assert.StartsWith($"cannot connect to unix:{path}: ", await FailAsync(new MigrationAddress("", 0, path)), StringComparison.Ordinal);
        Assert.Contains("too long", await FailAsync(new MigrationAddress("", 0, new string('x', 200))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Something_else_listens()
    {
        using Socket other = Listen();
        Task<string> failure = FailAsync(new MigrationAddress("127.0.0.1", ((IPEndPoint)other.LocalEndPoint!).Port, null));
        using Socket accepted = await other.AcceptAsync(TestContext.Current.CancellationToken);
        await accepted.SendAsync("HTTP/1.1 400 Bad Request\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Contains("something else", await failure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_listens_does_not_answer(bool encrypted)
    {
        using Socket other = Listen();
        var options = new MigrationLinkOptions { ConnectTimeout = TimeSpan.FromMilliseconds(100), Tls = encrypted ? TestCertificates.For("client") : null };
        string failure = await FailAsync(new MigrationAddress("127.0.0.1", ((IPEndPoint)other.LocalEndPoint!).Port, null), options);
        Assert.EndsWith("it took longer than 0.1 s", failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_cancelled()
    {
        using Socket other = Listen();
        using var cancelled = new CancellationTokenSource();
        var connector = new MigrationConnector(new MigrationAddress("127.0.0.1", ((IPEndPoint)other.LocalEndPoint!).Port, null));
        Task<MigrationLink> connecting = connector.ConnectAsync(Guid.NewGuid(), cancelled.Token);
        using Socket accepted = await other.AcceptAsync(TestContext.Current.CancellationToken);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Number_of_connections_is_checked()
    {
        var address = new MigrationAddress("127.0.0.1", 1, null);
        Assert.Throws<ArgumentOutOfRangeException>(() => new MigrationConnector(address, new MigrationLinkOptions { Connections = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MigrationConnector(address, new MigrationLinkOptions { Connections = 17 }));
    }

    [Fact]
    public void Address_in_use_is_told()
    {
        using Socket other = Listen();
        int port = ((IPEndPoint)other.LocalEndPoint!).Port;
        Assert.Equal(
            $"cannot listen on 127.0.0.1:{port}: the address is in use",
            Assert.ThrowsAny<IOException>(() => MigrationListener.Listen(new MigrationAddress("127.0.0.1", port, null))).Message);
        Assert.Equal(
            "cannot listen on 192.0.2.1:0: it is not an address of this host",
            Assert.ThrowsAny<IOException>(() => MigrationListener.Listen(new MigrationAddress("192.0.2.1", 0, null))).Message);
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static async Task<string> FailAsync(MigrationAddress address, MigrationLinkOptions? options = null)
    {
        IOException failure = await Assert.ThrowsAnyAsync<IOException>(
            () => new MigrationConnector(address, options ?? new MigrationLinkOptions { ConnectTimeout = LinkPair.Patience }).ConnectAsync(Guid.NewGuid(), TestContext.Current.CancellationToken).WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
        return failure.Message;
    }
}
