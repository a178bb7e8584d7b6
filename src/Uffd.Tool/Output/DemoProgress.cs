using Spectre.Console;
using Uffd.Daemon.Demo;

namespace Uffd.Tool.Output;

/// <summary>Progress bars while the demo runs, on a terminal only.</summary>
internal static class DemoProgress
{
    private static readonly Dictionary<DemoPhase, string> Names = new()
    {
        [DemoPhase.MakeImage] = "making an image",
        [DemoPhase.ReadImage] = "reading it for its checksums",
        [DemoPhase.LoadEagerly] = "loading all of it first",
        [DemoPhase.TouchEverything] = "touching pages as they arrive",
    };

    /// <summary>Runs something that reports its progress.</summary>
    /// <param name="screen">Where to draw; null for nowhere.</param>
    /// <param name="run">What to run.</param>
    public static Task<T> ShowAsync<T>(Screen? screen, Func<Action<DemoPhase, double>, Task<T>> run)
        => screen is { IsRich: true }
            ? screen.Console.Progress()
                .AutoClear(true)
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
                .StartAsync(context => run(Reporter(context)))
            : run((_, _) => { });

    private static Action<DemoPhase, double> Reporter(ProgressContext context)
    {
        var tasks = new Dictionary<DemoPhase, ProgressTask>();
        return (phase, share) =>
        {
            lock (tasks)
            {
                if (!tasks.TryGetValue(phase, out ProgressTask? task))
                {
                    tasks[phase] = task = context.AddTask(Names[phase], maxValue: 1);
                }

                task.Value = share;
            }
        };
    }
}
