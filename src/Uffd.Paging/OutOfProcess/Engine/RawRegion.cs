namespace Uffd.Paging;

/// <summary>What the parts of the pager of one region share.</summary>
internal sealed class RawRegion : IDisposable
{
    private readonly Action<RawNotice> _notify;
    private readonly CancellationTokenSource _stopping = new();

    /// <param name="store">Owned from now on.</param>
    /// <param name="memory">Owned from now on.</param>
    /// <param name="settings">Checked.</param>
    /// <param name="client">The client's process, or null where it is not known; not owned.</param>
    /// <param name="notify">Told what the client should know. From any thread; must not wait.</param>
    public RawRegion(IPageStore store, RawMemory memory, RawSettings settings, ProcessHandle? client, Action<RawNotice> notify)
    {
        Store = store;
        Memory = memory;
        Settings = settings;
        Client = client;
        _notify = notify;
        Pages = new RawPages(memory.Pages, (long)(settings.MemoryLimit / RawMemory.PageSize));
        Queues = new RawQueues(memory.Pages, Pages.Limit);
        HighPages = (long)(Pages.Limit * settings.HighWatermark);
        LowPages = (long)(Pages.Limit * settings.LowWatermark);
    }

    public IPageStore Store { get; }

    public RawMemory Memory { get; }

    public RawSettings Settings { get; }

    public ProcessHandle? Client { get; }

    public RawPages Pages { get; }

    public RawQueues Queues { get; }

    public RawCounters Counters { get; } = new();

    /// <summary>Above this pages leave, and nothing is brought ahead.</summary>
    public long HighPages { get; }

    /// <summary>Down to this.</summary>
    public long LowPages { get; }

    public CancellationToken Stopping => _stopping.Token;

    public void Stop() => _stopping.Cancel();

    public void Notify(RawNoticeKind kind, string text) => _notify(new RawNotice(kind, text));

    public void Dispose()
    {
        _stopping.Dispose();
        Queues.Dispose();
        Pages.Dispose();
        Memory.Dispose();
        Store.Dispose();
    }
}

/// <summary>What a client is told of its own accord.</summary>
internal enum RawNoticeKind
{
    /// <summary>A page could not be read: it is poisoned.</summary>
    ReadFailed,

    /// <summary>Pages cannot be written; they are kept.</summary>
    WriteFailed,

    /// <summary>They can be written again.</summary>
    WritesAgain,

    /// <summary>The guardian has died, and there is no other yet.</summary>
    Unguarded,
}

/// <summary>What a client is told of its own accord.</summary>
internal readonly record struct RawNotice(RawNoticeKind Kind, string Text);
