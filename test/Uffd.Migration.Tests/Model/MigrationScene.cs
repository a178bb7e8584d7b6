using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>Both sides of a migration, its connections, and what befalls them. Nothing in it waits without end.</summary>
internal sealed class MigrationScene : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(30));
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    private readonly LinkMaker _links;
    private readonly CancellationTokenSource _cancelSource = new();
    private readonly CancellationTokenSource _cancelDestination = new();
    private readonly TaskCompletionSource _disturbed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<TestLanding> _landings = [];
    private readonly MigrationSource _source;
    private readonly MigrationDestination _destination;
    private Task _driving = Task.CompletedTask;
    private volatile bool _endsLinks;
    private volatile bool _isGivenUp;
    private int _starts;

    public MigrationScene(MigrationPlan plan)
    {
        Plan = plan;
        _links = new LinkMaker(plan);
        Regions = new SceneRegions(plan, Violations);
        foreach (TestMemory memory in Regions.Memories)
        {
            memory.OnRead = OnRead;
        }

        _source = new MigrationSource(Regions.Memories, null, Regions.Workload, plan.Source with { Bases = Regions.Bases, Observer = SourceLog.Add });
        _destination = new MigrationDestination(new MigrationDestinationOptions
        {
            Land = Land,
            Start = StartAsync,
            Bases = [.. Regions.Bases.OfType<MigrationBase>()],
            StallTimeout = plan.Source.StallTimeout,
            ResumeTimeout = plan.Source.ResumeTimeout,
            WindowBytes = plan.WindowBytes,
            Observer = DestinationLog.Add,
        });
    }

    public MigrationPlan Plan { get; }

    public Violations Violations { get; } = new();

    public SceneRegions Regions { get; }

    public IReadOnlyList<TestLanding> Landings => _landings;

    public SideLog SourceLog { get; } = new();

    public SideLog DestinationLog { get; } = new();

    public LinkMaker Links => _links;

    /// <summary>How often the workload was started at the destination.</summary>
    public int Starts => Volatile.Read(ref _starts);

    /// <summary>Whether a side was told that the other is gone for good.</summary>
    public bool IsGivenUp => _isGivenUp;

    public Task<MigrationSummary> Source { get; private set; } = Task.FromException<MigrationSummary>(new InvalidOperationException("it did not run"));

    public Task<MigrationSummary> Destination { get; private set; } = Task.FromException<MigrationSummary>(new InvalidOperationException("it did not run"));

    /// <summary>Runs it until both sides have ended.</summary>
    /// <exception cref="TimeoutException">One does not end.</exception>
    public async Task RunAsync()
    {
        SceneLink first = _links.Next();
        Source = Task.Run(() => _source.RunAsync(first.Source, _cancelSource.Token));
        Destination = Task.Run(() => _destination.RunAsync(first.Destination, _cancelDestination.Token));
        Task over = Task.WhenAll(Quiet(Source), Quiet(Destination));
        _driving = Task.WhenAll(DriveAsync(first, over), DisturbAsync(over));
        if (Plan.Disturbance == Disturbance.LoseLinks)
        {
            await Task.WhenAny(over, _disturbed.Task).WaitAsync(Patience);
            await Task.WhenAny(over, Task.Delay((2 * Plan.Source.ResumeTimeout) + Grace));
        }
        else
        {
            await Within(Task.WhenAny(Source, Destination), "both sides");
            await Task.WhenAny(over, Task.Delay(Grace));
        }

        bool bothGood = (Source.IsCompletedSuccessfully && !Destination.IsCompleted) || over.IsCompleted; // then the other must end by itself
        if (!bothGood)
        {
            _isGivenUp = true;
            _endsLinks = true;
            _cancelSource.Cancel();
            _cancelDestination.Cancel();
            _source.GiveUp();
            _destination.GiveUp("the source is gone");
        }

        await Within(over, Source.IsCompleted ? "the destination" : "the source");
        await Within(_driving, "the connections");
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            Task disposing = Task.Run(() =>
            {
                _source.Dispose();
                _destination.Dispose();
            });
            await Within(disposing, "disposing");
            await Within(Task.WhenAll(_links.Made.Select(static link => link.Closed)), "closing the streams");
            foreach (TestLanding landing in _landings)
            {
                if (landing.IsDisposed == (Starts > 0)) // from its start on they are the workload's
                {
                    Violations.Add($"region {landing.Region.Index} was {(landing.IsDisposed ? "disposed under the workload" : "not disposed")}");
                }

                if (!landing.IsDisposed)
                {
                    landing.Dispose();
                }
            }
        }
        finally
        {
            Regions.Dispose();
            _cancelSource.Dispose();
            _cancelDestination.Dispose();
        }
    }

    /// <summary>All that is known, for people.</summary>
    public string Describe() => $"""
        {Plan}
          source {Source.Status}, destination {Destination.Status}; paused {Regions.Workload.Pauses} times, {(Regions.Workload.IsPaused ? "stands" : "runs")}; started {Starts} times; given up {_isGivenUp}; disturbed {_disturbed.Task.IsCompleted}
          missing {string.Join(", ", _landings.Select(static landing => $"{landing.Missing}{(landing.IsSwitched ? " switched" : "")}"))}
          {_links.Made.Count} links {string.Join("; ", _links.Made.TakeLast(12).Select(static link => $"{(link.Broken.IsCompleted ? "broken " : "")}{string.Join(' ', link.Streams.Select(static stream => $"r{stream.Reads.Bytes}w{stream.Writes.Bytes}"))}"))}
          source:
            {SourceLog}
            -> {Source.Exception?.InnerException?.Message}
          destination:
            {DestinationLog}
            -> {Destination.Exception?.InnerException?.Message}
        """;

    private static async Task Quiet(Task task) => await task.ContinueWith(static _ => { }, TaskScheduler.Default);

    private async Task Within(Task task, string what)
    {
        try
        {
            await task.WaitAsync(Patience);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"hang: {what} did not end within {Patience.TotalSeconds:F0} s", exception);
        }
    }

    private void OnRead(int number)
    {
        if (number >= Plan.Moment)
        {
            _disturbed.TrySetResult();
        }
    }

    private TestLanding Land(MigrationRegion region)
    {
        if (Plan.Disturbance == Disturbance.RefuseRegion && region.Index == Plan.Moment % Plan.Regions.Count)
        {
            throw new IOException("there is no room for this region");
        }

        var landing = new TestLanding(region, Violations)
        {
            Sabotage = Plan.Sabotage,
            Fetchers = Plan.Fetchers,
            Seed = Plan.Seed + region.Index,
            FailingWrite = Plan.Disturbance == Disturbance.FailWrite ? Plan.Moment : 0,
            RefusesSwitch = Plan.Disturbance == Disturbance.FailSwitch,
            IsGivenUp = () => _isGivenUp || (Plan.Disturbance == Disturbance.LoseDestination && _disturbed.Task.IsCompleted), // disposing gives up, too
        };
        lock (_landings)
        {
            _landings.Add(landing);
        }

        return landing;
    }

    private ValueTask StartAsync(ReadOnlyMemory<byte> state, CancellationToken cancellation)
    {
        if (Plan.Disturbance == Disturbance.FailStart)
        {
            throw new IOException("the workload cannot start");
        }

        if (Interlocked.Increment(ref _starts) != 1)
        {
            Violations.Add("the workload was started twice");
        }

        if (!Regions.Workload.Stands)
        {
            Violations.Add("the workload was started at the destination while it runs at the source");
        }

        if (!state.Span.SequenceEqual(Regions.Workload.State))
        {
            Violations.Add("the workload was started with another state");
        }

        if (_landings.Exists(static landing => !landing.IsSwitched) || _landings.Count != Plan.Regions.Count)
        {
            Violations.Add("the workload was started before every landing had switched");
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Has both sides go on over another connection each time one breaks.</summary>
    private async Task DriveAsync(SceneLink link, Task over)
    {
        while (await Task.WhenAny(over, link.Broken) != over)
        {
            LinkPlan? planned = _links.Upcoming;
            await Task.WhenAny(over, Task.Delay(planned?.Refusal ?? TimeSpan.FromMilliseconds(1)));
            if (_endsLinks || Source.IsCompleted || Destination.IsCompleted)
            {
                return; // nobody is there any more to connect to
            }

            link = _links.Next();
            Action[] sides = [() => Resume(_source.Resume, link.Source, Source), () => Resume(_destination.Resume, link.Destination, Destination)];
            foreach (Action side in planned is { SourceFirst: false } ? sides.Reverse() : sides)
            {
                side();
            }
        }
    }

    private void Resume(Action<MigrationLink> resume, MigrationLink link, Task side)
    {
        try
        {
            resume(link);
        }
        catch (Exception exception) when (exception is ObjectDisposedException or InvalidOperationException or IOException)
        {
            link.Dispose(); // that side has ended, or is about to
            if (exception is not ObjectDisposedException && !side.IsCompleted)
            {
                Violations.Add($"another connection was refused: {exception.Message}");
            }
        }
    }

    private async Task DisturbAsync(Task over)
    {
        await Task.WhenAny(over, _disturbed.Task);
        SceneLink link = _links.Made[^1];
        switch (Plan.Disturbance)
        {
            case Disturbance.CancelSource:
                _cancelSource.Cancel();
                break;
            case Disturbance.CancelDestination:
                _cancelDestination.Cancel();
                break;
            case Disturbance.SwitchNow:
                _source.SwitchNow();
                break;
            case Disturbance.LoseLinks:
                _endsLinks = true;
                link.Source.Dispose();
                break;
            case Disturbance.LoseSource:
                _endsLinks = true;
                link.Source.Dispose();
                _source.Dispose();
                break;
            case Disturbance.LoseDestination:
                _endsLinks = true;
                link.Destination.Dispose();
                _destination.Dispose();
                break;
        }
    }
}
