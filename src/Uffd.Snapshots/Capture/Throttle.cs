using System.Diagnostics;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Takes most of a process's CPU time away: stops it again and again, never for longer than is allowed, and lets it run for a moment between. It works on a thread of its
/// own, beside the copying; if this program dies, the process just goes on.
/// </summary>
internal sealed class Throttle : IStoppedWork, IDisposable
{
    private readonly Tracee _tracee;
    private readonly TimeSpan _stop;
    private readonly TimeSpan _run;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _end = new();
    private Exception? _failure;
    private long _longest;

    /// <param name="tracee">The process.</param>
    /// <param name="stop">How long each stop lasts.</param>
    /// <param name="run">How long it runs between.</param>
    public Throttle(Tracee tracee, TimeSpan stop, TimeSpan run)
    {
        _tracee = tracee;
        _stop = stop;
        _run = run;
        _thread = new Thread(Repeat) { Name = "uffd-throttle", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The longest stop so far.</summary>
    public TimeSpan Longest => new(Volatile.Read(ref _longest));

    /// <inheritdoc/>
    public void Run(StoppedProcess process) => Sleep(_stop);

    /// <summary>Lets the process go on at its own speed.</summary>
    /// <exception cref="UffdException">It could not be stopped: it ended.</exception>
    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _end.Dispose();
        if (_failure is not null)
        {
            throw new UffdException($"the process could not be slowed down: {_failure.Message}", _failure);
        }
    }

    private static void Sleep(TimeSpan time)
    {
        long end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        if (time >= TimeSpan.FromMilliseconds(2))
        {
            Thread.Sleep((int)time.TotalMilliseconds - 1); // it sleeps a little longer than it is told
        }

        while (Stopwatch.GetTimestamp() < end)
        {
            Thread.Yield();
        }
    }

    private void Repeat()
    {
        try
        {
            while (!_end.IsSet)
            {
                TimeSpan stood = _tracee.RunStopped(this);
                Volatile.Write(ref _longest, Math.Max(Volatile.Read(ref _longest), stood.Ticks));
                Sleep(_run);
            }
        }
        catch (Exception failure) when (failure is UffdException or IOException)
        {
            _failure = failure;
        }
    }
}
