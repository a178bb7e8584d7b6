using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>What a region is told and asked while it is used.</summary>
internal static class RegionPaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("prefetch", Prefetch, "PagedRegion.Prefetch"),
        AccessPath.OnThreads("flush", Flush, "PagedRegion.Flush"),
        AccessPath.InTasks("flush-async", FlushAsync, "PagedRegion.FlushAsync"),
        AccessPath.OnThreads("statistics", Ask, "PagedRegion.GetStatistics", "PagedRegion.IsReadOnly", "PagedRegion.ReadOnlyReason", "PagedRegion.Length", "PagedRegion.Memory", "PagedMemory.IsReadOnly"),
        AccessPath.OnThreads("memory-limit", ChangeLimit, "PagedRegion.MemoryLimit"),
    ];

    private static void Prefetch(Worker worker)
    {
        int length = worker.AnyLength();
        worker.Region.Prefetch(worker.Readable(length), length);
        worker.Touch();
    }

    private static void Flush(Worker worker)
    {
        worker.Touch();
        if (worker.Random.Next(8) == 0)
        {
            worker.Region.Flush();
        }
    }

    private static async ValueTask FlushAsync(Worker worker)
    {
        worker.Touch();
        if (worker.Random.Next(8) > 0)
        {
            return;
        }

        using var giveUp = new CancellationTokenSource();
        if (worker.Random.Next(2) == 0)
        {
            giveUp.CancelAfter(1);
        }

        try
        {
            await worker.Region.FlushAsync(giveUp.Token);
        }
        catch (OperationCanceledException)
        {
            // It goes on by itself.
        }
    }

    private static void Ask(Worker worker)
    {
        worker.Touch();
        PagedRegionStatistics statistics = worker.Region.GetStatistics();
        if (statistics.ResidentBytes > statistics.MemoryLimit || worker.Region.IsReadOnly || worker.Memory.IsReadOnly || worker.Region.ReadOnlyReason is not null
            || worker.Region.Length != Layout.Length || worker.Region.Memory.Length != Layout.Length)
        {
            throw new InvalidDataException($"this cannot be: {statistics}, read-only: {worker.Region.ReadOnlyReason?.Message ?? "no"}, {worker.Region.Length} bytes");
        }
    }

    private static void ChangeLimit(Worker worker)
    {
        worker.Touch();
        if (worker.Random.Next(8) == 0)
        {
            worker.Region.MemoryLimit = Layout.Limit / 4 * (ulong)worker.Random.Next(1, 9);
        }

        if (worker.Region.MemoryLimit is < Layout.Limit / 4 or > Layout.Limit * 2)
        {
            throw new InvalidDataException($"the limit is {worker.Region.MemoryLimit}, which nobody set");
        }
    }
}
