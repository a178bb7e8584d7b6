namespace Uffd.OwnMemory.Hang;

/// <summary>Copies of a byte up to more than the region touches in one step.</summary>
internal static class CopyPaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("copy-to", CopyTo, "PagedMemory.CopyTo"),
        AccessPath.OnThreads("copy-from", CopyFrom, "PagedMemory.CopyFrom"),
    ];

    private static void CopyTo(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Readable(length);
        worker.Memory.CopyTo(at, worker.Buffer.AsSpan(0, length));
        worker.Check(at, worker.Buffer.AsSpan(0, length));
    }

    private static void CopyFrom(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Writable(length);
        ReadOnlySpan<byte> fresh = worker.Fresh(length).Span;
        worker.Memory.CopyFrom(at, fresh);
        worker.Wrote(at, fresh);
        if (worker.Random.Next(4) == 0)
        {
            CopyTo(worker);
        }
    }
}
