using Spectre.Console;
using Uffd.Migration;
using Uffd.Tool.Migrate;

namespace Uffd.Tool.Output;

/// <summary>Shows how far <c>uffd demo migrate</c> is: a bar on a terminal, a line a step and phase in a pipe. What tells it only stores the moment.</summary>
internal sealed class MigrateProgressView
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private volatile MigrateMoment _latest = new(MigrateStep.Fill, 0);

    /// <summary>Takes a moment.</summary>
    public void Tell(MigrateMoment moment) => _latest = moment;

    /// <summary>The same of a migration alone.</summary>
    public void Tell(MigrationProgress progress)
        => _latest = new MigrateMoment(MigrateStep.Move, progress.TotalBytes == 0 ? 0 : 1 - (progress.LeftBytes / (double)progress.TotalBytes), progress);

    /// <summary>Runs something that tells where it is.</summary>
    /// <param name="screen">Where to show it; null for nowhere.</param>
    /// <param name="run">What to run.</param>
    public async Task<T> ShowAsync<T>(Screen? screen, Func<Task<T>> run)
    {
        Task<T> running = Task.Run(run);
        if (screen is { IsRich: true })
        {
            await screen.Console.Progress()
                .AutoClear(true)
                .Columns(new ProgressBarColumn { Width = 20 }, new ElapsedTimeColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
                .StartAsync(context => DrawAsync(context, running));
        }
        else if (screen is not null)
        {
            await WriteAsync(screen.Output, running);
        }

        return await running;
    }

    private async Task DrawAsync(ProgressContext context, Task running)
    {
        ProgressTask bar = context.AddTask("", maxValue: 1);
        do
        {
            MigrateMoment latest = _latest;
            bar.Value = latest.Share;
            bar.Description = Markup.Escape(MigrateText.Describe(latest));
        }
        while (!await EndsAsync(running));
    }

    private async Task WriteAsync(TextWriter output, Task running)
    {
        (MigrateStep, MigrationPhase?, int)? told = null;
        do
        {
            MigrateMoment latest = _latest;
            (MigrateStep, MigrationPhase?, int)? now = (latest.Step, latest.Progress?.Phase, latest.Progress?.Round ?? 0);
            if (now != told)
            {
                told = now;
                output.WriteLine(MigrateText.Describe(latest));
            }
        }
        while (!await EndsAsync(running));
    }

    private static async Task<bool> EndsAsync(Task running) => await Task.WhenAny(running, Task.Delay(Period)) == running;
}
