namespace Uffd.Tests.Channels;

public sealed class FdListenerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Socket => _folder.File("socket");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Socket_is_its_owners_alone()
    {
        using FdListener listener = FdListener.Listen(Socket);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Socket));
        Assert.Equal(Socket, listener.Path);
    }

    [Fact]
    public void Wider_mode_can_be_asked_for()
    {
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        using FdListener listener = FdListener.Listen(Socket, Mode);
        Assert.Equal(Mode, File.GetUnixFileMode(Socket));
    }

    [Fact]
    public void Connections_are_accepted_one_by_one()
    {
        using FdListener listener = FdListener.Listen(Socket);
        Assert.Null(listener.TryAccept());
        using FdChannel client = FdChannel.Connect(Socket);
        using FdChannel? server = listener.TryAccept();
        Assert.NotNull(server);
        Assert.Null(listener.TryAccept());
        Assert.True(server.Receive(new byte[1], new List<SafeDescriptorHandle>()).WouldBlock);
        client.Send("x"u8);
        Assert.Equal(1, server.Receive(new byte[1], new List<SafeDescriptorHandle>()).Bytes);
    }

    [Fact]
    public void Waiting_connection_can_be_polled_for()
    {
        using FdListener listener = FdListener.Listen(Socket);
        using var poller = new EventPoller();
        poller.Add(listener.Handle, 1);
        using FdChannel client = FdChannel.Connect(Socket);
        Assert.Equal(1, poller.Wait(new PollResult[1], TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void File_that_a_crashed_listener_left_is_replaced()
    {
        FdListener crashed = FdListener.Listen(Socket);
        crashed.Handle.Dispose(); // what the kernel does for a process that dies: the file stays
        Assert.True(File.Exists(Socket));
        Assert.Equal(Errno.ECONNREFUSED, Assert.Throws<UffdException>(() => FdChannel.Connect(Socket)).Errno);
        using FdListener next = FdListener.Listen(Socket);
        using FdChannel client = FdChannel.Connect(Socket);
        using FdChannel? server = next.TryAccept();
        Assert.NotNull(server);
        crashed.Dispose();
        Assert.True(File.Exists(Socket));
    }

    [Fact]
    public void Live_listener_is_not_disturbed()
    {
        using FdListener first = FdListener.Listen(Socket);
        UffdException exception = Assert.Throws<UffdException>(() => FdListener.Listen(Socket));
        Assert.Equal(Errno.EADDRINUSE, exception.Errno);
        Assert.Contains("another process listens", exception.Message, StringComparison.Ordinal);
        using FdChannel client = FdChannel.Connect(Socket);
    }

    [Fact]
    public void File_that_is_no_socket_is_not_deleted()
    {
        File.WriteAllText(Socket, "precious");
        Assert.Equal(Errno.EADDRINUSE, Assert.Throws<UffdException>(() => FdListener.Listen(Socket)).Errno);
        Assert.Equal("precious", File.ReadAllText(Socket));
    }

    [Fact]
    public void Link_to_a_file_is_not_followed_and_not_deleted()
    {
        File.WriteAllText(_folder.File("file"), "precious");
        File.CreateSymbolicLink(Socket, _folder.File("file"));
        Assert.Throws<UffdException>(() => FdListener.Listen(Socket));
        Assert.Equal("precious", File.ReadAllText(Socket));
    }

    [Fact]
    public void Disposing_removes_the_file()
    {
        FdListener listener = FdListener.Listen(Socket);
        listener.Dispose();
        listener.Dispose();
        Assert.False(File.Exists(Socket));
    }

    [Fact]
    public void Disposing_does_not_remove_the_file_of_another()
    {
        using FdListener first = FdListener.Listen(Socket);
        File.Move(Socket, _folder.File("moved")); // keeps the file, so that its number cannot be given again
        using FdListener second = FdListener.Listen(Socket);
        first.Dispose();
        using FdChannel client = FdChannel.Connect(Socket);
    }

    [Fact]
    public void Missing_folder_is_told()
    {
        UffdException exception = Assert.Throws<UffdException>(() => FdListener.Listen(_folder.File("none/socket")));
        Assert.Equal(Errno.ENOENT, exception.Errno);
        Assert.Contains("folder does not exist", exception.Message, StringComparison.Ordinal);
    }
}
