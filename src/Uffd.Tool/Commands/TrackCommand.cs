using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Uffd.Snapshots;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd track</c>: what a process writes, while it runs.</summary>
internal static class TrackCommand
{
    private static readonly Argument<int> Target = SnapshotArguments.Process("The process to watch; it was not prepared for it, and goes on");

    private static readonly Option<string> Interval = new("--interval")
    {
        Description = "The time of a sample",
        HelpName = "TIME",
        DefaultValueFactory = _ => "1s",
    };

    private static readonly Option<int?> Count = new("--count") { Description = "End after so many samples. Default: go on until interrupted", HelpName = "N" };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one sample as a JSON object" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Interval.Validators.Add(result => SnapshotArguments.RequireTime(result, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), "a time from 10ms to 1h, such as 1s"));
        Count.Validators.Add(result =>
        {
            if (result.Tokens is [var token, ..] && !(int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0))
            {
                result.AddError("--count wants a number from 1");
            }
        });
        var verb = new Verb("track", "Watch which memory a running process writes: rate and working set by mapping, and a map over time")
        {
            TerminationTimeout = TimeSpan.FromSeconds(10), // the protection is taken away again first
            Examples =
            [
                new("sudo uffd track 1234", "watch it; Ctrl-C ends"),
                new("uffd track 1234 --interval 100ms --count 50", "five seconds, closely"),
                new("uffd track 1234 --interval 10s --json | jq .writtenBytesPerSecond", "a number for a script"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "shown; ended by --count, by SIGINT or SIGTERM, or with the process"),
                new(ExitCodes.Failed, "the process is not there, ended before the first sample, or cannot be followed"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the process may not be traced by this user, or the kernel is older than 6.7: the line says what helps"),
                new(ExitCodes.Interrupted, "interrupted before the first sample"),
            ],
        };
        verb.Arguments.Add(Target);
        foreach (Option option in (Option[])[Interval, Count, Json])
        {
            verb.Options.Add(option);
        }

        verb.SetAction(RunAsync);
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        int processId = result.GetValue(Target);
        bool json = result.GetValue(Json);
        Screen screen = Screen.Standard();
        var watch = new TrackWatch(SnapshotArguments.TimeOf(result.GetValue(Interval)), json ? 1 : result.GetValue(Count) ?? int.MaxValue);
        using (DirtyTracker tracker = DirtyTracker.Attach(processId))
        {
            IAsyncEnumerable<TrackHistory> samples = watch.SampleAsync(tracker.Sample, cancellation);
            if (json)
            {
                await foreach (TrackHistory history in samples)
                {
                    JsonOutput.Write(screen.Output, TrackJson.From(history.Latest!, processId, tracker.AttachPause));
                }
            }
            else if (screen.IsRich)
            {
                await TrackScreen.LiveAsync(screen.Console, samples, processId, tracker.AttachPause);
            }
            else
            {
                await WriteAsync(samples, processId, tracker.AttachPause, screen.Output);
            }
        }

        if (watch.EndedWith is { } end)
        {
            Failure.Print(Console.Error, end);
        }

        return ExitCodes.Done;
    }

    private static async Task WriteAsync(IAsyncEnumerable<TrackHistory> samples, int processId, TimeSpan attachPause, TextWriter output)
    {
        TrackHistory? last = null;
        await foreach (TrackHistory history in samples)
        {
            TrackText.Write(history, processId, attachPause, output);
            await output.FlushAsync();
            last = history;
        }

        if (last is { Count: > 1 })
        {
            TrackText.WriteMap(last, output);
        }
    }
}

/// <summary>Takes samples until there were enough, the process ended, or somebody interrupts.</summary>
internal sealed class TrackWatch(TimeSpan interval, int count)
{
    /// <summary>Why it ended before there were enough: what the process did; null otherwise.</summary>
    public string? EndedWith { get; private set; }

    /// <summary>Gives the history after each sample. Before the first one an end is a failure, and after it a regular end.</summary>
    /// <param name="sample">Takes one.</param>
    /// <param name="cancellation">Ends it.</param>
    public async IAsyncEnumerable<TrackHistory> SampleAsync(Func<DirtySample> sample, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var history = new TrackHistory();
        while (history.Count < count && await NextAsync(sample, history, cancellation))
        {
            yield return history;
        }
    }

    private async Task<bool> NextAsync(Func<DirtySample> sample, TrackHistory history, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(interval, cancellation);
            history.Add(sample());
            return true;
        }
        catch (OperationCanceledException) when (history.Count > 0)
        {
            return false; // how one ends watching
        }
        catch (UffdException exception) when (history.Count > 0 && exception.Errno == Errno.ESRCH)
        {
            EndedWith = exception.Message;
            return false;
        }
    }
}
