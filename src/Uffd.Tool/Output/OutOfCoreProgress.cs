using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Uffd.Daemon;
using Uffd.Paging;
using Uffd.Tool.OutOfCore;

namespace Uffd.Tool.Output;

/// <summary>Progress bars while <c>uffd demo outofcore</c> runs, and what the region does at the moment: on a terminal only.</summary>
internal static class OutOfCoreProgress
{
    private static readonly Dictionary<OutOfCorePhase, string> Names = new()
    {
        [OutOfCorePhase.Make] = "making a file",
        [OutOfCorePhase.Work] = "working on it",
        [OutOfCorePhase.Verify] = "comparing all of it",
        [OutOfCorePhase.Map] = "the same with mmap",
    };

    /// <summary>Runs something that tells where it is.</summary>
    /// <param name="screen">Where to draw; null for nowhere.</param>
    /// <param name="run">What to run.</param>
    public static Task<T> ShowAsync<T>(Screen? screen, Func<Action<OutOfCoreMoment>, Task<T>> run)
        => screen is { IsRich: true }
            ? screen.Console.Progress()
                .AutoClear(true)
                .Columns(new ProgressBarColumn { Width = 24 }, new PercentageColumn(), new ElapsedTimeColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
                .StartAsync(context => run(new Reporter(context).Tell))
            : run(_ => { });

    /// <summary>What the region does, between two moments.</summary>
    internal static string Describe(PagedRegionStatistics now, long accesses, PagedRegionStatistics? before, double seconds)
    {
        ulong bytes = now.ReadBytes + now.WrittenBytes - (before?.ReadBytes ?? 0) - (before?.WrittenBytes ?? 0);
        double pages = bytes / (double)Environment.SystemPageSize / Math.Max(seconds, 0.001);
        double hits = accesses == 0 ? 1 : 1 - (now.Misses / (double)accesses);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Sizes.Format(now.ResidentBytes)} here, {Sizes.Format(now.DirtyBytes)} dirty, {hits:0.0%} hits, {Figures.Short(pages)} pages/s");
    }

    private sealed class Reporter(ProgressContext context)
    {
        private readonly Dictionary<OutOfCorePhase, ProgressTask> _tasks = [];
        private PagedRegionStatistics? _before;
        private long _beforeAt = Stopwatch.GetTimestamp();

        public void Tell(OutOfCoreMoment moment)
        {
            lock (_tasks)
            {
                if (!_tasks.TryGetValue(moment.Phase, out ProgressTask? task))
                {
                    _tasks[moment.Phase] = task = context.AddTask(Names[moment.Phase], maxValue: 1);
                }

                task.Value = moment.Share;
                if (moment.Region is { } region)
                {
                    task.Description = $"{Names[moment.Phase]}: [grey]{Describe(region, moment.Accesses, _before, Stopwatch.GetElapsedTime(_beforeAt).TotalSeconds)}[/]";
                    _before = region;
                    _beforeAt = Stopwatch.GetTimestamp();
                }
            }
        }
    }
}
