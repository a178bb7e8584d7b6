using Spectre.Console;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>
/// Shows how far a snapshot is: a bar on a terminal, a line a round in a pipe. What tells it (<see cref="Tell"/>) only stores a few numbers, because it is called
/// by what copies the process; they are shown some times a second from elsewhere.
/// </summary>
internal sealed class SnapshotProgressView
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private SnapshotProgress _latest;

    /// <summary>Takes a moment. Allocates nothing.</summary>
    public void Tell(SnapshotProgress moment)
    {
        lock (_lock)
        {
            _latest = moment;
        }
    }

    /// <summary>Runs something that tells where it is.</summary>
    /// <param name="screen">Where to show it; null for nowhere.</param>
    /// <param name="run">What to run, on a thread of its own.</param>
    public async Task<T> ShowAsync<T>(Screen? screen, Func<T> run)
    {
        Task<T> running = Task.Factory.StartNew(run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
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
        ProgressTask bar = context.AddTask("attaching", maxValue: 1);
        do
        {
            SnapshotProgress latest = Latest();
            bar.Value = SnapshotText.Share(latest);
            bar.Description = Markup.Escape(SnapshotText.Describe(latest));
        }
        while (!await EndsAsync(running));
    }

    private async Task WriteAsync(TextWriter output, Task running)
    {
        (SnapshotPhase Phase, int Round) told = (SnapshotPhase.Attaching, 0);
        do
        {
            SnapshotProgress latest = Latest();
            if ((latest.Phase, latest.Round) != told)
            {
                told = (latest.Phase, latest.Round);
                output.WriteLine(SnapshotText.Line(latest));
            }
        }
        while (!await EndsAsync(running));
    }

    private SnapshotProgress Latest()
    {
        lock (_lock)
        {
            return _latest;
        }
    }

    private static async Task<bool> EndsAsync(Task running) => await Task.WhenAny(running, Task.Delay(Period)) == running;
}
