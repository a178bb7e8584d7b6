using System.Diagnostics;

namespace Uffd.Migration;

/// <summary>The pages of a <see cref="PageServer"/>, or of a <see cref="MigrationSource"/> that switches at once: a page source for everything that wants one.</summary>
public sealed class PageClient : IDisposable
{
    private const int MostBreaksAtFirst = 3;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    private readonly Func<Guid, CancellationToken, Task<MigrationLink>> _connect;
    private readonly Action<MigrationEvent>? _observer;
    private readonly Guid _session = Guid.NewGuid();
    private readonly List<KeptPages> _landings = [];
    private readonly TaskCompletionSource _switched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _broken = new(0);
    private readonly CancellationTokenSource _ended = new();
    private readonly MigrationDestination _destination;
    private Task _run = Task.CompletedTask;
    private volatile bool _isConnected = true;
    private int _isOver;

    private PageClient(Func<Guid, CancellationToken, Task<MigrationLink>> connect, Action<MigrationEvent>? observer)
    {
        _connect = connect;
        _observer = observer;
        _destination = new MigrationDestination(new MigrationDestinationOptions { Land = Land, Start = Start, Observer = Observe });
    }

    /// <summary>The regions.</summary>
    public IReadOnlyList<MigrationRegion> Regions { get; private set; } = [];

    /// <summary>The pages of each. Not to be disposed on their own.</summary>
    public IReadOnlyList<IMigratedPages> Pages { get; private set; } = [];

    /// <summary>Ends when the pages cannot be had any more: it was given up or disposed, or the other side refuses to go on.</summary>
    public Task Ended => _run;

    /// <summary>Connects. When the connection breaks it is made again, with pauses that grow to a second, for as long as it takes: reads wait.</summary>
    /// <param name="connect">Makes a link of the session that it is given.</param>
    /// <param name="observer">Told of what happens; null for nobody.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">It cannot be connected.</exception>
    public static async Task<PageClient> ConnectAsync(Func<Guid, CancellationToken, Task<MigrationLink>> connect, Action<MigrationEvent>? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(connect);
        var client = new PageClient(connect, observer);
        try
        {
            await client.BeginAsync(cancellation).ConfigureAwait(false);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>The server is gone for good: reads fail from now on.</summary>
    /// <param name="reason">Why, for those who touch what is lost.</param>
    public void GiveUp(string reason)
    {
        _ended.Cancel();
        _destination.GiveUp(reason);
    }

    /// <summary>As <see cref="GiveUp"/>, and lets go of everything.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isOver, 1) != 0)
        {
            return;
        }

        _ended.Cancel();
        _landings.ForEach(landing => landing.Dispose()); // nothing more is wanted: the server is told so
        if (_isConnected)
        {
            _ = Task.WaitAny([_run], Farewell);
        }

        _destination.Dispose();
    }

    private async Task BeginAsync(CancellationToken cancellation)
    {
        MigrationLink link = await _connect(_session, cancellation).ConfigureAwait(false);
        _run = _destination.RunAsync(link, cancellation);
        Task reconnecting = ReconnectAsync();
        Task first = await Task.WhenAny(_run, _switched.Task, reconnecting).WaitAsync(cancellation).ConfigureAwait(false);
        await first.ConfigureAwait(false);
        Regions = [.. _landings.Select(landing => landing.Region)];
        Pages = [.. _landings.Select(landing => landing.Pages ?? throw new MigrationException("the other side ended without telling of its pages"))];
    }

    private KeptPages Land(MigrationRegion region)
    {
        var landing = new KeptPages(region);
        _landings.Add(landing);
        return landing;
    }

    private ValueTask Start(ReadOnlyMemory<byte> state, CancellationToken cancellation)
    {
        _switched.SetResult();
        return ValueTask.CompletedTask;
    }

    private void Observe(MigrationEvent happened)
    {
        if (happened.Kind == MigrationEventKind.Broken)
        {
            _isConnected = false;
            _ = _broken.Release();
        }
        else if (happened.Kind == MigrationEventKind.Resumed)
        {
            _isConnected = true;
        }

        _observer?.Invoke(happened);
    }

    /// <summary>Makes the connection again, whenever it broke. At first, when somebody waits to be told, it fails where it cannot be.</summary>
    private async Task ReconnectAsync()
    {
        TimeSpan pause = ShortestPause;
        long made = Stopwatch.GetTimestamp();
        int breaks = 0;
        while (true)
        {
            await _broken.WaitAsync(_ended.Token).ConfigureAwait(false);
            if (++breaks > MostBreaksAtFirst && !_switched.Task.IsCompleted)
            {
                throw new MigrationException("the other side closes each connection; is it stopping, or has it too many clients?");
            }

            // One that holds for a moment only is no better than none.
            pause = Stopwatch.GetElapsedTime(made) > LongestPause ? ShortestPause : Longer(pause);
            for (; !await TryResumeAsync().ConfigureAwait(false); pause = Longer(pause))
            {
                await Task.Delay(pause, _ended.Token).ConfigureAwait(false);
            }

            made = Stopwatch.GetTimestamp();
            await Task.Delay(pause, _ended.Token).ConfigureAwait(false);
        }
    }

    private async Task<bool> TryResumeAsync()
    {
        try
        {
            _destination.Resume(await _connect(_session, _ended.Token).ConfigureAwait(false));
            return true;
        }
        catch (IOException) when (_switched.Task.IsCompleted)
        {
            return false; // the other side may be started again
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;
}
