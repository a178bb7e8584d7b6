using System.Diagnostics.CodeAnalysis;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Places where the runtime itself stands in the way: finalizers, and buffers that move.</summary>
internal static class OddPaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("in-finalizers", TouchInFinalizers, "PagedMemory.Read", "PagedMemory.Write"),
        AccessPath.OnThreads("buffers-that-move", CopyToFresh, "PagedMemory.CopyTo", "PagedMemory.CopyFrom"),
        AccessPath.InTasks("leases-handed-on", LeaseHere, "PagedMemory.Lease"),
    ];

    /// <summary>The thread that runs finalizers misses pages, and others wait for that thread.</summary>
    private static void TouchInFinalizers(Worker worker)
    {
        int length = worker.ShortLength();
        MakeGarbage(worker.Memory, worker.Run.Content.Expected, worker.Random.Next(Layout.SharedBytes - length));
        worker.Touch();
        if (worker.Random.Next(16) == 0)
        {
            GC.WaitForPendingFinalizers();
        }
    }

    private static void MakeGarbage(PagedMemory memory, byte[] expected, int at) => _ = new Reader(memory, expected, at);

    /// <summary>The bytes go to and come from arrays that were just made: the next collection moves them.</summary>
    private static void CopyToFresh(Worker worker)
    {
        byte[] bytes = new byte[worker.ShortLength()];
        long at = worker.Readable(bytes.Length);
        worker.Memory.CopyTo(at, bytes);
        worker.Check(at, bytes);
        byte[] fresh = worker.Fresh(bytes.Length).ToArray();
        at = worker.Writable(fresh.Length);
        worker.Memory.CopyFrom(at, fresh);
        worker.Wrote(at, fresh);
    }

    /// <summary>A lease that is taken by one thread and given back by another, while the first does something else.</summary>
    private static async ValueTask LeaseHere(Worker worker)
    {
        int length = worker.ShortLength();
        long at = worker.Readable(length);
        PageLease lease = worker.Memory.Lease(at, length, PageAccess.Read);
        await Task.Factory.StartNew(
            () =>
            {
                worker.Check(at, lease.ReadOnlySpan);
                lease.Dispose();
            },
            worker.Random.Next(8) == 0 ? TaskCreationOptions.LongRunning : TaskCreationOptions.None);
    }

    private sealed class Reader(PagedMemory memory, byte[] expected, int at)
    {
        [SuppressMessage("Design", "MA0055", Justification = "what a finalizer may do is what is looked at")]
        ~Reader()
        {
            try
            {
                if (memory.Read<byte>(at) != expected[at])
                {
                    Environment.FailFast($"a finalizer read something else than there is at offset {at}");
                }
            }
            catch (ObjectDisposedException)
            {
                // The run is over.
            }
        }
    }
}
