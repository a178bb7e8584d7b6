using Spectre.Console;
using Uffd.Daemon;

namespace Uffd.Tool.Output;

/// <summary>A bar for work whose bytes are known before, on a terminal only.</summary>
internal static class InspectBar
{
    /// <summary>Runs something that tells how many bytes it has done, from any thread.</summary>
    /// <param name="screen">Where to draw; null for nowhere.</param>
    /// <param name="name">What is done: a word or two.</param>
    /// <param name="total">How many bytes there are.</param>
    /// <param name="run">What to run.</param>
    public static Task<T> ShowAsync<T>(Screen? screen, string name, ulong total, Func<Action<long>, T> run)
        => screen is { IsRich: true }
            ? screen.Console.Progress()
                .AutoClear(true)
                .Columns(new ProgressBarColumn { Width = 24 }, new PercentageColumn(), new ElapsedTimeColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
                .StartAsync(context =>
                {
                    ProgressTask task = context.AddTask($"{name} {Sizes.Format(total)}", maxValue: Math.Max(1, total));
                    return Task.Run(() => run(bytes => task.Increment(bytes)));
                })
            : Task.Run(() => run(_ => { }));
}
