using System.Diagnostics;
using System.Globalization;

namespace Uffd.Migration;

/// <summary>A migration from its start to its end, at the source: on a thread of its own.</summary>
internal sealed class SourceWork : IDisposable
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly SourceSession _session;
    private readonly IMigrationWorkload _workload;
    private readonly MigrationSourceOptions _options;
    private readonly Tally _tally;
    private readonly Action<MigrationEventKind, string> _tell;
    private readonly PreCopy _preCopy;
    private readonly RoundSending _rounds;
    private bool _isPaused;
    private TimeSpan _downtime;
    private bool _wasPostCopy;

    public SourceWork(SourceSession session, IMigrationWorkload workload, MigrationSourceOptions options, Tally tally, Action<MigrationEventKind, string> tell)
    {
        (_session, _workload, _options, _tally, _tell) = (session, workload, options, tally, tell);
        _preCopy = new PreCopy(session.Regions, workload, options, tally, tell);
        _rounds = new RoundSending(session, options, tally, tell);
    }

    public void Hurry() => _preCopy.IsHurried = true;

    /// <summary>All of it.</summary>
    /// <exception cref="MigrationException">It failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before the switch.</exception>
    public MigrationSummary Run(CancellationToken cancellation)
    {
        try
        {
            Enter(MigrationPhase.Connecting);
            _session.GetLink(cancellation);
            _session.Regions.Start();
            while (!TrySwitch(PrepareSwitch(cancellation), cancellation))
            {
            }

            Enter(MigrationPhase.PostCopy);
            Serve();
            Enter(MigrationPhase.Done);
            return new MigrationSummary { Progress = _tally.Snapshot(0, _session.LinkBytes), Downtime = _downtime, WasPostCopy = _wasPostCopy, IsAcknowledged = true };
        }
        catch (Exception exception)
        {
            throw Fail(exception, cancellation);
        }
        finally
        {
            _session.Regions.Stop();
        }
    }

    public void Dispose() => _rounds.Dispose();

    private void Enter(MigrationPhase phase)
    {
        _tally.Phase = phase;
        _tell(MigrationEventKind.Phase, phase.ToString());
    }

    /// <returns>Whether the rest is left to post-copy.</returns>
    private bool PrepareSwitch(CancellationToken cancellation)
    {
        if (_options.MaxRounds == 0)
        {
            return true;
        }

        Enter(MigrationPhase.PreCopy);
        while (true)
        {
            _tally.Round++;
            ulong bytes = _session.Regions.PendingBytes;
            long start = Stopwatch.GetTimestamp();
            SendPending(cancellation);
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            _session.Regions.TakeWritten();
            PreCopy.Next next = _preCopy.Decide(bytes, took);
            if (next != PreCopy.Next.Round)
            {
                return next == PreCopy.Next.PostCopy;
            }
        }
    }

    private void SendPending(CancellationToken cancellation)
    {
        while (true)
        {
            WireLink link = _session.GetLink(cancellation);
            try
            {
                _rounds.Send(link, cancellation);
                return;
            }
            catch (LinkException exception)
            {
                link.Break(exception);
            }
        }
    }

    /// <returns>False when the connection broke before anything was lost: the workload runs on here, and there are more rounds.</returns>
    private bool TrySwitch(bool isPostCopy, CancellationToken cancellation)
    {
        WireLink link = _session.GetLink(cancellation);
        Enter(MigrationPhase.Switching);
        long start = Stopwatch.GetTimestamp();
        _isPaused = true; // also where it throws: it may have paused half
        ReadOnlyMemory<byte> state = Await(_workload.PauseAsync(cancellation));
        if (state.Length > SwitchSending.MaxStateBytes)
        {
            throw new MigrationException($"the workload's state has {state.Length} bytes, and may have {SwitchSending.MaxStateBytes}");
        }

        _session.Regions.TakeWritten();
        isPostCopy |= _options.NotConverging == NotConverging.PostCopy && _preCopy.EstimateRest() > 2 * _options.MaxDowntime;
        try
        {
            if (!isPostCopy)
            {
                _rounds.Send(link, cancellation);
            }

            cancellation.ThrowIfCancellationRequested();
        }
        catch (LinkException exception)
        {
            link.Break(exception);
            Await(_workload.ResumeAsync());
            _isPaused = false;
            return false;
        }

        _wasPostCopy = _session.Regions.PendingBytes > 0;
        Commit(link, state, start);
        return true;
    }

    /// <summary>From here on the destination may run the workload, and nobody else.</summary>
    private void Commit(WireLink link, ReadOnlyMemory<byte> state, long start)
    {
        _session.IsCommitted = true;
        _tally.Poisoned((long)_session.Regions.All.Aggregate(0UL, (sum, region) => sum + region.Unreadable.Count));
        var sending = new SwitchSending(_session.Regions);
        while (true)
        {
            try
            {
                if (_session.State == DestinationState.Taking)
                {
                    sending.Send(link.Control, state.Span);
                }

                _session.WaitFor(link, () => _session.State >= DestinationState.Started, CancellationToken.None);
                _downtime = Stopwatch.GetElapsedTime(start);
                MigrationMeter.Stood(_downtime);
                _session.Regions.Stop();
                return;
            }
            catch (LinkException exception)
            {
                link.Break(exception);
            }

            link = _session.GetLink(CancellationToken.None);
        }
    }

    private void Serve()
    {
        while (true)
        {
            WireLink link = _session.GetLink(CancellationToken.None);
            try
            {
                _session.WaitFor(link, () => _session.State == DestinationState.Complete, CancellationToken.None);
                SayGoodbye(link);
                return;
            }
            catch (LinkException exception)
            {
                link.Break(exception);
                if (_session.State == DestinationState.Complete)
                {
                    return; // it has everything; that it does not know that we know is its own affair
                }
            }
        }
    }

    /// <summary>Waits a moment for the other side to close: who closes first may cut off what is still on its way.</summary>
    private void SayGoodbye(WireLink link)
    {
        link.Control.Write(FrameType.Bye, []);
        long start = Stopwatch.GetTimestamp();
        try
        {
            _session.WaitFor(link, () => Stopwatch.GetElapsedTime(start) > Farewell, CancellationToken.None);
        }
        catch (MigrationException)
        {
            // closed here meanwhile
        }
    }

    private Exception Fail(Exception exception, CancellationToken cancellation)
    {
        _preCopy.LetGo();
        bool mayHaveMoved = _session.IsCommitted && exception is not PeerException { IsNotStarted: true };
        string where = mayHaveMoved
            ? "the switch was made: the workload may run at the destination, and does not run here"
            : "the workload goes on here";
        if (_isPaused && !mayHaveMoved)
        {
            try
            {
                _session.Regions.Stop();
                Await(_workload.ResumeAsync());
            }
            catch (Exception second)
            {
                where = $"it stands still, for it could not be resumed: {second.Message}";
            }
        }

        _session.End(exception.Message);
        _tally.Phase = MigrationPhase.Failed;
        _tell(MigrationEventKind.Failed, exception.Message);
        return !mayHaveMoved && exception is OperationCanceledException && cancellation.IsCancellationRequested
            ? new OperationCanceledException("the migration was cancelled; the workload goes on here", exception, cancellation)
            : new MigrationException(string.Create(CultureInfo.InvariantCulture, $"the migration failed: {exception.Message}; {where}"), exception) { MayHaveMoved = mayHaveMoved };
    }

    private static T Await<T>(ValueTask<T> task) => task.AsTask().GetAwaiter().GetResult();

    private static void Await(ValueTask task) => task.AsTask().GetAwaiter().GetResult();
}
