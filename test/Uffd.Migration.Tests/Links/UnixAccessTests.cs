namespace Uffd.Migration.Tests.Links;

/// <summary>Who may connect to a Unix socket.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class UnixAccessTests
{
    private const uint Stranger = 65534;
    private const uint Guest = 65533;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode Enterable = OwnerOnly | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    [Fact]
    public void Socket_is_its_owners_alone_and_is_removed()
    {
        using var folder = new TemporaryFolder();
        var address = new MigrationAddress("", 0, folder.File("socket"));
        using (MigrationListener.Listen(address))
        {
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(address.Path!));
            Assert.Contains("EADDRINUSE", Assert.ThrowsAny<IOException>(() => MigrationListener.Listen(address)).Message, StringComparison.Ordinal);
        }

        Assert.False(File.Exists(address.Path));
    }

    [Fact]
    public async Task Users_are_told_apart_where_some_are_allowed()
    {
        Requires.Root();
        Requires.Program("setpriv");
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.Path, Enterable);
        var address = new MigrationAddress("", 0, folder.File("socket"));
        using MigrationListener listener = MigrationListener.Listen(address, new MigrationLinkOptions { AllowedUsers = [Guest], ConnectTimeout = LinkPair.Patience });
        await using NativeTarget stranger = await NativeTarget.StartAsync(LinkPair.Patience, Stranger);
        await using NativeTarget guest = await NativeTarget.StartAsync(LinkPair.Patience, Guest);
        string preface = Convert.ToHexStringLower(new LinkPreface(Guid.NewGuid(), 0, 1).Encode());
        await stranger.ConnectAsync(address.Path!);
        await stranger.TryAsync($"sendtext {preface}");
        await guest.ConnectAsync(address.Path!);
        await guest.TryAsync($"sendtext {preface}");
        using MigrationLink link = await listener.AcceptAsync(TestContext.Current.CancellationToken).WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(0, listener.WaitingCount);
        Task<MigrationLink> another = listener.AcceptAsync(TestContext.Current.CancellationToken);
        Assert.False(another.IsCompleted); // the stranger came first, and was no link
        listener.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => another.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
    }
}
