namespace Uffd.Daemon.Tests.Clients;

/// <summary>Who may connect, and what becomes of the socket's file.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class AccessTests
{
    private const uint Stranger = 65534;
    private const uint Guest = 65533;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode Enterable = OwnerOnly | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    [Fact]
    public async Task Socket_is_its_owners_alone()
    {
        await using Scene scene = Scene.Start();
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(scene.SocketPath));
        Requires.Root();
        Requires.Program("setpriv");
        File.SetUnixFileMode(scene.Folder, Enterable);
        await using NativeTarget stranger = await NativeTarget.StartAsync(EventLog.Patience, Stranger);
        TargetReply reply = await stranger.TryAsync($"connect {scene.SocketPath}");
        Assert.Equal(Errno.EACCES, reply.Errno);
    }

    [Fact]
    public async Task Other_user_is_refused_by_name_of_the_kernel_although_the_socket_is_open_to_all()
    {
        Requires.Root();
        Requires.Program("setpriv");
        await using Scene scene = Scene.Start(options => options with { AllowedUsers = [Guest] });
        File.SetUnixFileMode(scene.Folder, Enterable);
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient stranger = await TestClient.StartAsync(userId: Stranger);
            await stranger.Target.ConnectAsync(scene.SocketPath);
            await scene.ExpectRefusalAsync(stranger, "user 65534 may not connect (--allow-uid 65534 would allow it)");

            // What it sends afterwards reaches nobody.
            Assert.Equal(Errno.EPIPE, (await stranger.Target.TryAsync("sendtext 5b")).Errno);
        });
    }

    [Fact]
    public async Task Allowed_user_is_served()
    {
        Requires.Root();
        Requires.Program("setpriv");
        await using Scene scene = Scene.Start(options => options with { AllowedUsers = [Guest] });
        File.SetUnixFileMode(scene.Folder, Enterable);
        await using TestClient guest = await TestClient.StartAsync(userId: Guest);
        await guest.HandOverAsync(scene.SocketPath);
        await guest.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Socket_file_that_a_crash_left_is_replaced()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("socket");
        using (var left = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            left.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path + "2"));
            left.Listen();
            File.Move(path + "2", path); // so that closing does not remove it
        }

        Assert.True(File.Exists(path));
        await using Scene scene = Scene.Start(options => options with { SocketPath = path });
        await using TestClient client = await TestClient.StartAsync();
        await client.HandOverAsync(path);
        await client.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Socket_of_a_living_daemon_is_not_taken()
    {
        await using Scene scene = Scene.Start();
        UffdException refused = Assert.Throws<UffdException>(() => new PagerDaemon(scene.Options));
        Assert.Equal(Errno.EADDRINUSE, refused.Errno);
        await using TestClient client = await scene.AttachAsync();
        await client.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Regular_file_in_its_place_is_left_alone()
    {
        await using Scene scene = Scene.Start();
        string path = Path.Combine(scene.Folder, "precious");
        File.WriteAllText(path, "precious");
        UffdException refused = Assert.Throws<UffdException>(() => new PagerDaemon(scene.Options with { SocketPath = path }));
        Assert.Equal(Errno.EADDRINUSE, refused.Errno);
        Assert.Equal("precious", File.ReadAllText(path));
    }

    [Theory]
    [InlineData("missing/socket", Errno.ENOENT)]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901", Errno.None)]
    public async Task Socket_that_cannot_be_made_says_why(string name, Errno errno)
    {
        await using Scene scene = Scene.Start();
        UffdException refused = Assert.Throws<UffdException>(() => new PagerDaemon(scene.Options with { SocketPath = Path.Combine(scene.Folder, name) }));
        Assert.Equal(errno, refused.Errno);
    }
}
