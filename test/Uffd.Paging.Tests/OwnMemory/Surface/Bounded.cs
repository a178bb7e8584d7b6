namespace Uffd.Paging.Tests;

/// <summary>Work that must end: on a thread of its own, so that a test whose work hangs fails instead of hanging too.</summary>
internal static class Bounded
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(60));

    public static Task RunAsync(Action work)
        => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(Patience, TestContext.Current.CancellationToken);

    public static Task RunAsync(Func<Task> work) => Task.Run(work).WaitAsync(Patience, TestContext.Current.CancellationToken);
}
