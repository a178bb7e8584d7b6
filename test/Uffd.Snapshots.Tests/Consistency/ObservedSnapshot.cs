namespace Uffd.Snapshots.Tests;

/// <summary>Snapshots that are watched.</summary>
internal static class ObservedSnapshot
{
    /// <summary>Takes a snapshot; one that does not come to an end is given up, and says how far it was.</summary>
    public static async Task<SnapshotReport> TakeAsync(int processId, ISnapshotSink sink)
    {
        using var patience = new CancellationTokenSource(TestTime.Scaled(TimeSpan.FromSeconds(60)));
        SnapshotProgress last = default;
        try
        {
            return await Task.Run(() => ProcessSnapshot.Take(processId, sink, new ProcessSnapshotOptions { Progress = progress => last = progress }, patience.Token));
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException($"a snapshot does not end; the last that it told: {last}", exception);
        }
    }
}
