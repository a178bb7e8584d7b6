namespace Uffd.Migration.Tests.Links;

/// <summary>A listener, and links to it.</summary>
internal sealed class LinkPair : IDisposable
{
    public static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly TemporaryFolder _folder = new();
    private readonly MigrationLinkOptions _options;

    public LinkPair(string kind, Func<MigrationLinkOptions, MigrationLinkOptions>? change = null)
    {
        bool isUnix = kind.StartsWith("unix", StringComparison.Ordinal);
        _options = new MigrationLinkOptions { Tls = kind.EndsWith("tls", StringComparison.Ordinal) ? TestCertificates.For("127.0.0.1") : null, ConnectTimeout = Patience };
        MigrationAddress address = isUnix ? new MigrationAddress("", 0, _folder.File("socket")) : new MigrationAddress("127.0.0.1", 0, null);
        Listener = MigrationListener.Listen(address, change?.Invoke(_options) ?? _options);
    }

    public static TheoryData<string> Kinds => ["tcp", "unix", "tcp-tls", "unix-tls"];

    public MigrationListener Listener { get; }

    public async Task<(MigrationLink Here, MigrationLink There)> ConnectAsync(int connections = 1, Guid? session = null)
    {
        Task<MigrationLink> accepted = Listener.AcceptAsync(TestContext.Current.CancellationToken);
        MigrationLink here = await new MigrationConnector(Listener.Address, _options with { Connections = connections }).ConnectAsync(session ?? Guid.NewGuid(), TestContext.Current.CancellationToken);
        return (here, await accepted.WaitAsync(Patience));
    }

    public void Dispose()
    {
        Listener.Dispose();
        _folder.Dispose();
    }
}
