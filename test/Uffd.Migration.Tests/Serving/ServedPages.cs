using System.Threading.Channels;
using Uffd.Migration.Tests.Links;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Serving;

/// <summary>A page server of two regions, a way to it that can be cut, and its clients.</summary>
internal sealed class ServedPages : IAsyncDisposable
{
    public const int PageBytes = 4096;
    public const int FirstPages = 40;
    public const int SecondPages = 7;

    private readonly CancellationTokenSource _end = new();
    private readonly Channel<MigrationEvent> _events = Channel.CreateUnbounded<MigrationEvent>();
    private readonly List<PageClient> _clients = [];
    private readonly MigrationSourceOptions? _options;
    private PageServer? _server;
    private MigrationListener? _listener;
    private Task _serving = Task.CompletedTask;

    public ServedPages(MigrationSourceOptions? options = null)
    {
        _options = options;
        First = new byte[FirstPages * PageBytes];
        Second = new byte[SecondPages * PageBytes];
        new Random(5).NextBytes(First);
        new Random(6).NextBytes(Second);
        First.AsSpan(3 * PageBytes, 2 * PageBytes).Clear();
        Start("first", "second");
        Way = new CutProxy(_listener!.Address.Port);
    }

    public byte[] First { get; }

    public byte[] Second { get; }

    public CutProxy Way { get; }

    public PageServer Server => _server!;

    /// <summary>Starts the server, at another port.</summary>
    public void Start(params string[] names)
    {
        _server = new PageServer([MemoryPageSource.FromBytes(First), MemoryPageSource.FromBytes(Second)], names, _options);
        _listener = MigrationListener.Listen(new MigrationAddress("127.0.0.1", 0, null));
        _serving = _server.RunAsync(_listener, _end.Token);
        Way?.Target = _listener.Address.Port;
    }

    /// <summary>Ends the server, as if it was killed.</summary>
    public void Kill()
    {
        _listener!.Dispose();
        _server!.Dispose();
    }

    public async Task<PageClient> ConnectAsync()
    {
        var connector = new MigrationConnector(new MigrationAddress("127.0.0.1", Way.Port, null), new MigrationLinkOptions { ConnectTimeout = LinkPair.Patience });
        PageClient client = await PageClient.ConnectAsync(connector.ConnectAsync, happened => _events.Writer.TryWrite(happened), TestContext.Current.CancellationToken).WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
        _clients.Add(client);
        return client;
    }

    public async Task<MigrationEvent> WaitForAsync(MigrationEventKind kind)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(LinkPair.Patience);
        while (true)
        {
            MigrationEvent happened = await _events.Reader.ReadAsync(limit.Token);
            if (happened.Kind == kind)
            {
                return happened;
            }
        }
    }

    /// <summary>Reads all and compares.</summary>
    public async Task VerifyAsync(PageClient client)
    {
        Assert.Equal(First, await ReadAsync(client.Pages[0], 0, First.Length));
        Assert.Equal(Second, await ReadAsync(client.Pages[1], 0, Second.Length));
    }

    public static async Task<byte[]> ReadAsync(IPageSource pages, int offset, int length)
    {
        byte[] read = new byte[length];
        await pages.ReadAsync((ulong)offset, read, TestContext.Current.CancellationToken).AsTask().WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
        return read;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _serving.WaitAsync(LinkPair.Patience);
        Kill();
        _clients.ForEach(client => client.Dispose());
        Way.Dispose();
        _end.Dispose();
    }
}
