namespace Uffd.Daemon.Tests;

/// <summary>Waits for what nothing announces.</summary>
internal static class Waiting
{
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(EventLog.Patience);
        while (!condition())
        {
            await Task.Delay(5, limit.Token);
        }
    }
}
