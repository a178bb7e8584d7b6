using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// Gives up requests whose time is over, or whose address space has ended. One timer for all of them, set for the first that is due: a
/// timer each costs more than all else that is done for a read.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "as long as the queue, which nobody disposes; the timer fires only while something is open")]
internal sealed class FetchDeadlines
{
    private readonly Lock _lock = new();
    private readonly List<FetchRequest> _open = [];
    private readonly HashSet<CancellationToken> _watched = [];
    private readonly Timer _timer;
    private long _armedFor = long.MaxValue;

    public FetchDeadlines() => _timer = new Timer(static self => ((FetchDeadlines)self!).GiveUpOverdue(), this, Timeout.Infinite, Timeout.Infinite);

    /// <summary>From now on it may be given up, at once if its address space has ended.</summary>
    public void Add(FetchRequest request)
    {
        bool first;
        lock (_lock)
        {
            request.Deadline = request.Patience == Timeout.InfiniteTimeSpan
                ? long.MaxValue
                : Stopwatch.GetTimestamp() + (long)(request.Patience.TotalSeconds * Stopwatch.Frequency);
            request.Index = _open.Count;
            _open.Add(request);
            Arm(request.Deadline);
            first = request.Ending.CanBeCanceled && _watched.Add(request.Ending);
        }

        if (first)
        {
            CancellationToken ending = request.Ending;
            ending.UnsafeRegister(self => ((FetchDeadlines)self!).GiveUpAll(ending), this);
        }
    }

    /// <summary>It has ended.</summary>
    public void Remove(FetchRequest request)
    {
        lock (_lock)
        {
            if (request.Index < 0)
            {
                return; // it is being given up
            }

            FetchRequest last = _open[^1];
            _open[request.Index] = last;
            last.Index = request.Index;
            _open.RemoveAt(_open.Count - 1);
            request.Index = -1;
        }
    }

    private void GiveUpOverdue()
    {
        FetchRequest[] overdue;
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            overdue = Take(request => request.Deadline <= now);
            _armedFor = long.MaxValue;
            Arm(_open.Count == 0 ? long.MaxValue : _open.Min(request => request.Deadline));
        }

        Array.ForEach(overdue, request => request.GiveUp());
    }

    private void GiveUpAll(CancellationToken ending)
    {
        FetchRequest[] all;
        lock (_lock)
        {
            _watched.Remove(ending);
            all = Take(request => request.Ending == ending);
        }

        Array.ForEach(all, request => request.GiveUp());
    }

    private FetchRequest[] Take(Func<FetchRequest, bool> which)
    {
        FetchRequest[] taken = [.. _open.Where(which)];
        Array.ForEach(taken, Remove);
        return taken;
    }

    private void Arm(long deadline)
    {
        if (deadline < _armedFor)
        {
            _armedFor = deadline;
            double left = Math.Max(0, deadline - Stopwatch.GetTimestamp()) / (double)Stopwatch.Frequency;
            _timer.Change(TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(left * 1000), int.MaxValue)), Timeout.InfiniteTimeSpan);
        }
    }
}
