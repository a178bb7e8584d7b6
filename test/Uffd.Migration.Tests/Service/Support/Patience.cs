namespace Uffd.Migration.Tests.Service.Support;

/// <summary>Waits for what must come, and fails when it does not.</summary>
internal static class Patience
{
    private static readonly TimeSpan Long = TestTime.Scaled(TimeSpan.FromSeconds(60));

    public static Task Soon(this Task task) => task.WaitAsync(Long, TestContext.Current.CancellationToken);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Long, TestContext.Current.CancellationToken);

    /// <summary>Waits for what nobody announces.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Long);
        while (!condition())
        {
            await Task.Delay(1, limit.Token);
        }
    }

    /// <summary>Something that blocks, on a thread of its own.</summary>
    public static Task OnThread(Action act) => Task.Factory.StartNew(act, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
