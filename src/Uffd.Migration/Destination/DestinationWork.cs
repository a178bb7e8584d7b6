using System.Diagnostics;
using System.Globalization;

namespace Uffd.Migration;

/// <summary>A migration from its start to its end, at the destination: on a thread of its own.</summary>
internal sealed class DestinationWork(DestinationSession session, MigrationDestinationOptions options, Tally tally, Action<MigrationEventKind, string> tell) : IDisposable
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Hearing = TimeSpan.FromSeconds(1);

    private readonly LinkSlot _links = new();
    private readonly CancellationTokenSource _givenUp = new(); // not disposed: it has nothing to free, and somebody may give up late
    private readonly TaskCompletionSource<(string Reason, bool IsComplete)> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WireLink? _link;
    private bool _hadLink;
    private Task? _complete;
    private TimeSpan _downtime;
    private bool _wasPostCopy;

    public ulong LinkBytes => Volatile.Read(ref _link)?.WireBytes ?? 0;

    public void Offer(MigrationLink link)
    {
        WireLink? before = Volatile.Read(ref _link); // first: the new one may be in use at once
        _links.Offer(link);
        before?.Break(new LinkException("another connection took its place"));
    }

    /// <summary>The source is gone: nothing comes any more.</summary>
    public void GiveUp(string reason)
    {
        bool isComplete = Volatile.Read(ref _complete) is { IsCompletedSuccessfully: true }; // first: pages that are lost are no longer missing either
        if (_lost.TrySetResult((reason, isComplete)))
        {
            var lost = new IOException($"the page was not fetched before the source was given up: {reason}");
            foreach (DestinationRegion region in session.Regions)
            {
                region.Pages.Lose();
            }

            session.Requests.Lose(lost);
            _givenUp.Cancel();
            session.Pulse();
        }
    }

    /// <summary>All of it.</summary>
    public MigrationSummary Run(CancellationToken cancellation)
    {
        try
        {
            tell(MigrationEventKind.Phase, MigrationPhase.Connecting.ToString());
            while (!Follow(cancellation))
            {
            }

            return Finish();
        }
        catch (Exception exception)
        {
            throw Fail(exception, cancellation);
        }
        finally
        {
            _links.Dispose();
            DropLink();
        }
    }

    public void Dispose()
    {
        _links.Dispose();
        DropLink();
    }

    /// <summary>Works over one link, as long as it holds.</summary>
    /// <returns>Whether it is over.</returns>
    private bool Follow(CancellationToken cancellation)
    {
        if (session.State == DestinationState.Complete)
        {
            // Everything is here. That the source knows is wished for, and no more.
            if (session.IsAcknowledged || _links.Take(Farewell < options.ResumeTimeout ? Farewell : options.ResumeTimeout, CancellationToken.None) is not { } again)
            {
                return true;
            }

            Use(again);
        }
        else
        {
            if (Await(cancellation) is not { } next)
            {
                session.Reach(DestinationState.Complete);
                return true;
            }

            Use(next);
        }

        WireLink link = _link!;
        if (session.State == DestinationState.Taking)
        {
            if (!Await(link, () => session.HasRegions, cancellation))
            {
                return false;
            }

            if (tally.Phase == MigrationPhase.Connecting)
            {
                Enter(MigrationPhase.PreCopy);
            }

            if (!Await(link, () => session.IsSwitching, cancellation))
            {
                return false;
            }

            Switch(cancellation);
        }

        if (!Await(link, () => _complete!.IsCompleted, CancellationToken.None))
        {
            return false;
        }

        _complete!.GetAwaiter().GetResult();
        if (session.State != DestinationState.Complete)
        {
            session.Reach(DestinationState.Complete);
        }

        if (!session.WaitFor(link, () => session.IsAcknowledged, 3 * options.StallTimeout, CancellationToken.None))
        {
            link.Break(new LinkException("the source has not acknowledged the end")); // if it comes back it may do so still
            return false;
        }

        return true;
    }

    /// <returns>False when the link broke first.</returns>
    private bool Await(WireLink link, Func<bool> isSo, CancellationToken cancellation)
    {
        bool found = session.WaitFor(link, () => isSo() || _lost.Task.IsCompleted, Timeout.InfiniteTimeSpan, cancellation);
        ThrowIfLost();
        return found;
    }

    private void ThrowIfLost()
    {
        if (_lost.Task is { IsCompleted: true, Result.IsComplete: false })
        {
            throw new MigrationException($"the source was given up: {_lost.Task.Result.Reason}; pages that had not come are lost") { MayHaveMoved = session.State >= DestinationState.Started };
        }
    }

    /// <returns>Null when the source was given up, and nothing is missing.</returns>
    private MigrationLink? Await(CancellationToken cancellation)
    {
        Exception? reason = DropLink();
        if (reason is not null)
        {
            ThrowIfForeign(reason);
            tell(MigrationEventKind.Broken, $"the connection broke: {reason.Message}");
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(session.State == DestinationState.Taking ? cancellation : CancellationToken.None, _givenUp.Token);
        TimeSpan timeout = session.State == DestinationState.Taking ? options.ResumeTimeout : Timeout.InfiniteTimeSpan;
        try
        {
            return _links.Take(timeout, either.Token) ?? throw new MigrationException(string.Create(
                CultureInfo.InvariantCulture,
                $"the connection broke ({reason?.Message ?? "none was made"}) and was not resumed within {timeout.TotalSeconds:0.##} s"));
        }
        catch (OperationCanceledException)
        {
            ThrowIfLost();
            if (_lost.Task.IsCompleted)
            {
                return null;
            }

            throw;
        }
    }

    private void Use(MigrationLink next)
    {
        DropLink();
        var link = new WireLink(next, options.StallTimeout, session);
        Volatile.Write(ref _link, link);
        link.Start();
        if (_hadLink)
        {
            tally.Resumed();
            tell(MigrationEventKind.Resumed, "it goes on over another connection");
        }

        _hadLink = true;
    }

    private Exception? DropLink()
    {
        if (_link is not { } link)
        {
            return null;
        }

        link.Break(new LinkException("the connection is no longer used"));
        link.Join();
        tally.WentOver(link.WireBytes);
        Volatile.Write(ref _link, null);
        link.Dispose();
        return link.Reason;
    }

    private void ThrowIfForeign(Exception reason)
    {
        if (reason is WireException wire && !session.IsSwitching && (wire.IsViolation || !session.HasRegions))
        {
            throw new MigrationException($"{wire.Message}: is the other side a source of Uffd?", wire);
        }
    }

    private void Switch(CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        session.Reach(DestinationState.Switched);
        Enter(MigrationPhase.Switching);
        _wasPostCopy = session.Regions.Any(region => region.Pages.MissingBytes > 0);
        try
        {
            foreach (DestinationRegion region in session.Regions)
            {
                region.Landing.Switch(region.Pages);
            }

            options.Start(session.WorkloadState, cancellation).AsTask().GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            session.Refuse($"the workload could not be started at the destination: {exception.Message}", isNotStarted: true);
            throw;
        }

        _downtime = Stopwatch.GetElapsedTime(start);
        MigrationMeter.Stood(_downtime);
        session.Reach(DestinationState.Started);
        _complete = Task.WhenAll(session.Regions.Select(region => region.Landing.Completed));
        _ = _complete.ContinueWith(_ => session.Pulse(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        Enter(MigrationPhase.PostCopy);
    }

    private MigrationSummary Finish()
    {
        Enter(MigrationPhase.Done);
        return new MigrationSummary { Progress = tally.Snapshot(0, LinkBytes), Downtime = _downtime, WasPostCopy = _wasPostCopy, IsAcknowledged = session.IsAcknowledged };
    }

    private Exception Fail(Exception exception, CancellationToken cancellation)
    {
        bool hasStarted = session.State >= DestinationState.Started;
        if (session.State == DestinationState.Taking)
        {
            session.Refuse(exception is OperationCanceledException ? "it was cancelled at the destination" : exception.Message, isNotStarted: true);
        }

        tally.Phase = MigrationPhase.Failed;
        tell(MigrationEventKind.Failed, exception.Message);
        if (!hasStarted)
        {
            LetItBeHeard();
        }

        return exception is OperationCanceledException && cancellation.IsCancellationRequested && !hasStarted
            ? new OperationCanceledException("the migration was cancelled", exception, cancellation)
            : exception as MigrationException ?? new MigrationException($"the migration failed: {exception.Message}", exception) { MayHaveMoved = hasStarted };
    }

    /// <summary>Waits a moment for the source to close: who closes first may cut off what is still on its way, and leave the source in doubt.</summary>
    private void LetItBeHeard()
    {
        try
        {
            session.WaitFor(_link, static () => false, Hearing, CancellationToken.None);
        }
        catch (IOException)
        {
            // the source has ended it
        }
    }

    private void Enter(MigrationPhase phase)
    {
        tally.Phase = phase;
        tell(MigrationEventKind.Phase, phase.ToString());
    }
}
