using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>The accesses that hold up no thread: awaited, given up, and beside threads of the pool that wait.</summary>
internal static class TaskPaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.InTasks("read-async", ReadAsync, "PagedMemory.ReadAsync"),
        AccessPath.InTasks("write-async", WriteAsync, "PagedMemory.WriteAsync"),
        AccessPath.InTasks("copy-to-async", CopyToAsync, "PagedMemory.CopyToAsync"),
        AccessPath.InTasks("copy-from-async", CopyFromAsync, "PagedMemory.CopyFromAsync"),
        AccessPath.InTasks("lease-async", LeaseAsync, "PagedMemory.LeaseAsync"),
        AccessPath.InTasks("given-up", GiveUpAsync, "PagedMemory.ReadAsync", "PagedMemory.WriteAsync", "PagedMemory.CopyToAsync", "PagedMemory.CopyFromAsync", "PagedMemory.LeaseAsync"),
        AccessPath.InTasks("pool-threads-that-wait", WaitInThePoolAsync, "PagedMemory.CopyTo", "PagedMemory.CopyToAsync"),
    ];

    private static ValueTask ReadAsync(Worker worker) => ReadAsync(worker, CancellationToken.None);

    private static ValueTask WriteAsync(Worker worker) => WriteAsync(worker, CancellationToken.None);

    private static ValueTask CopyToAsync(Worker worker) => CopyToAsync(worker, CancellationToken.None);

    private static ValueTask LeaseAsync(Worker worker) => LeaseAsync(worker, CancellationToken.None);

    private static async ValueTask ReadAsync(Worker worker, CancellationToken cancellation)
    {
        if (worker.Random.Next(2) == 0)
        {
            long at = worker.Readable(sizeof(short));
            worker.Check(at, await worker.Memory.ReadAsync<short>(at, cancellation));
        }
        else
        {
            long at = worker.Readable(sizeof(decimal));
            worker.Check(at, await worker.Memory.ReadAsync<UInt128>(at, cancellation));
        }
    }

    private static async ValueTask WriteAsync(Worker worker, CancellationToken cancellation)
    {
        long at = worker.Writable(sizeof(long));
        long value = worker.Random.NextInt64();
        await worker.Memory.WriteAsync(at, value, cancellation);
        worker.Wrote(at, value);
        worker.Check(at, await worker.Memory.ReadAsync<long>(at, CancellationToken.None));
    }

    private static async ValueTask CopyToAsync(Worker worker, CancellationToken cancellation)
    {
        int length = worker.AnyLength();
        long at = worker.Readable(length);
        await worker.Memory.CopyToAsync(at, worker.Buffer.AsMemory(0, length), cancellation);
        worker.Check(at, worker.Buffer.AsSpan(0, length));
    }

    private static async ValueTask CopyFromAsync(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Writable(length);
        ReadOnlyMemory<byte> fresh = worker.Fresh(length);
        await worker.Memory.CopyFromAsync(at, fresh, CancellationToken.None);
        worker.Wrote(at, fresh.Span);
        await CopyToAsync(worker, CancellationToken.None);
    }

    private static async ValueTask LeaseAsync(Worker worker, CancellationToken cancellation)
    {
        int length = worker.ShortLength();
        bool write = worker.Random.Next(2) == 0;
        long at = write ? worker.Writable(length) : worker.Readable(length);
        using PageLease lease = await worker.Memory.LeaseAsync(at, length, write ? PageAccess.Write : PageAccess.Read, cancellation);
        worker.Check(at, lease.ReadOnlySpan);
        await Task.Yield(); // held across threads
        if (write)
        {
            ReadOnlySpan<byte> fresh = worker.Fresh(length).Span;
            fresh.CopyTo(lease.Span);
            worker.Wrote(at, fresh);
        }

        worker.Check(at, lease.ReadOnlySpan);
    }

    private static async ValueTask GiveUpAsync(Worker worker)
    {
        using var giveUp = new CancellationTokenSource(worker.Random.Next(3));
        try
        {
            switch (worker.Random.Next(5))
            {
                case 0: await ReadAsync(worker, giveUp.Token); break;
                case 1: await WriteAsync(worker, giveUp.Token); break;
                case 2: await CopyToAsync(worker, giveUp.Token); break;
                case 3: await LeaseAsync(worker, giveUp.Token); break;
                default: await CopyFromOrGiveUpAsync(worker, giveUp.Token); break;
            }
        }
        catch (OperationCanceledException)
        {
            // As it was meant. What was read or written until then is right: the next steps and the end of the run look at it.
        }
    }

    private static async ValueTask CopyFromOrGiveUpAsync(Worker worker, CancellationToken cancellation)
    {
        int length = worker.AnyLength();
        long at = worker.Writable(length);
        ReadOnlyMemory<byte> fresh = worker.Fresh(length);
        try
        {
            await worker.Memory.CopyFromAsync(at, fresh, cancellation);
        }
        catch (OperationCanceledException)
        {
            await worker.Memory.CopyFromAsync(at, fresh, CancellationToken.None); // how much of it is there is not told: again, then
        }

        worker.Wrote(at, fresh.Span);
    }

    private static ValueTask WaitInThePoolAsync(Worker worker)
    {
        if (worker.Random.Next(2) == 0)
        {
            return CopyToAsync(worker);
        }

        int length = worker.AnyLength();
        long at = worker.Readable(length);
        worker.Memory.CopyTo(at, worker.Buffer.AsSpan(0, length)); // waits on a thread of the pool, which brings others' pages
        worker.Check(at, worker.Buffer.AsSpan(0, length));
        return ValueTask.CompletedTask;
    }
}
