using System.Collections.Concurrent;
using System.Globalization;
using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>
/// Prints what the daemon tells: a line each, as text or as JSON. Programs wait for the line <c>ready PATH</c>. Written by a thread
/// of its own: a reader that stops reading, or a full disk, holds up no client. Lines beyond what may wait are counted and left out.
/// </summary>
internal sealed class ServePrinter : IDisposable
{
    /// <summary>The most lines that wait for the reader.</summary>
    public const int MaxWaiting = 10_000;

    private const int MaxEarly = 100;

    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);

    private readonly TextWriter _output;
    private readonly bool _json;
    private readonly BlockingCollection<string> _lines = new(MaxWaiting);
    private readonly List<DaemonEvent> _early = [];
    private readonly Thread _thread;
    private bool _isReady;
    private long _lost;

    public ServePrinter(TextWriter output, bool json)
    {
        _output = output;
        _json = json;
        _thread = new Thread(Run) { IsBackground = true, Name = "uffd-lines" };
        _thread.Start();
    }

    /// <summary>
    /// Prints one event soon. Never waits. What is noticed before the daemon is ready comes behind the line that says so: programs
    /// take that for the first.
    /// </summary>
    public void Print(DaemonEvent happened)
    {
        lock (_early)
        {
            if (!_isReady && happened.Kind == DaemonEventKind.Notice)
            {
                if (_early.Count < MaxEarly)
                {
                    _early.Add(happened);
                }

                return;
            }

            Add(Format(happened));
            AddEarly();
        }
    }

    /// <summary>Prints what was done so far soon. Never waits.</summary>
    public void Print(DaemonStatus status) => Add(_json ? JsonOutput.ToLine(ServeJson.From(status)) : NumbersText.Format(status));

    /// <summary>Gives the reader two seconds to take the rest.</summary>
    public void Dispose()
    {
        if (!_lines.IsAddingCompleted)
        {
            lock (_early)
            {
                AddEarly(); // it never became ready: all the more reason to tell
            }

            _lines.CompleteAdding();
            if (_thread.Join(FlushTimeout))
            {
                _lines.Dispose();
            }
        }
    }

    internal static string ToLine(DaemonEvent happened)
    {
        string client = string.Create(CultureInfo.InvariantCulture, $"client {happened.Client} pid {happened.ProcessId}");
        return happened.Kind switch
        {
            DaemonEventKind.Ready => $"ready {happened.Message}",
            DaemonEventKind.Attached => $"{client}: attached, {happened.Message}",
            DaemonEventKind.Resident or DaemonEventKind.Gone => $"{client}: {happened.Message} after {Seconds(happened.Seconds)}, {Describe(happened)}",
            DaemonEventKind.Refused when happened.ProcessId != 0 => string.Create(CultureInfo.InvariantCulture, $"refused pid {happened.ProcessId}: {happened.Message}"),
            DaemonEventKind.Refused => $"refused: {happened.Message}",
            DaemonEventKind.Notice when happened.Client != 0 => $"{client}: {happened.Message}",
            DaemonEventKind.Draining => $"stopping: {happened.Message}",
            _ => happened.Message,
        };
    }

    private void AddEarly()
    {
        _isReady = true;
        foreach (DaemonEvent happened in _early)
        {
            Add(Format(happened));
        }

        _early.Clear();
    }

    private void Add(string line)
    {
        if (!_lines.IsAddingCompleted && !_lines.TryAdd(line))
        {
            Interlocked.Increment(ref _lost);
        }
    }

    private string Format(DaemonEvent happened) => _json ? JsonOutput.ToLine(ServeJson.From(happened)) : ToLine(happened);

    private void Run()
    {
        foreach (string line in _lines.GetConsumingEnumerable())
        {
            Write(line);
            WriteLost();
        }

        WriteLost();
    }

    private void WriteLost()
    {
        long lost = Interlocked.Exchange(ref _lost, 0);
        if (lost > 0)
        {
            Write(Format(new DaemonEvent(DaemonEventKind.Notice, string.Create(CultureInfo.InvariantCulture, $"{lost} lines were lost: nobody read them"))));
        }
    }

    private void Write(string line)
    {
        try
        {
            _output.WriteLine(line);
            _output.Flush();
        }
        catch (IOException)
        {
            // Serving goes on without a reader.
        }
    }

    private static string Seconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s");

    private static string Describe(DaemonEvent happened)
    {
        AddressSpaceStatistics served = happened.Statistics!;
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Sizes.Format(happened.Bytes)}: {served.Faults} faults; pages: {served.DemandPages} on demand, {served.BackgroundPages} in the background, {served.ZeroPages} of them zero");
        text += served.ReplayedPages > 0 ? string.Create(CultureInfo.InvariantCulture, $", {served.ReplayedPages} replayed") : "";
        text += served.PendingPages > 0 ? string.Create(CultureInfo.InvariantCulture, $", {served.PendingPages} never asked for") : "";
        text += served.RemovedPages > 0 ? string.Create(CultureInfo.InvariantCulture, $", {served.RemovedPages} discarded") : "";
        text += served.PoisonedPages > 0 ? string.Create(CultureInfo.InvariantCulture, $", {served.PoisonedPages} POISONED") : "";
        text += served.FillLatency.Count > 0 ? string.Create(CultureInfo.InvariantCulture, $"; a fill took p50 {Figures.Duration(served.FillLatency.Percentile(0.5))}, p99 {Figures.Duration(served.FillLatency.Percentile(0.99))}") : "";
        return text;
    }
}
