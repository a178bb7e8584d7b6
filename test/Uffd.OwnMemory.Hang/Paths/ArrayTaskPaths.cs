using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Memory as arrays of values, awaited.</summary>
internal static class ArrayTaskPaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.InTasks("array-values-async", ValuesAsync<UInt128>, "PagedArray<T>.ReadAsync", "PagedArray<T>.WriteAsync"),
        AccessPath.InTasks("array-copies-async", CopiesAsync<int>, "PagedArray<T>.CopyToAsync", "PagedArray<T>.CopyFromAsync"),
        AccessPath.InTasks("array-leases-async", LeasesAsync<UInt128>, "PagedArray<T>.LeaseAsync"),
    ];

    private static async ValueTask ValuesAsync<T>(Worker worker)
        where T : unmanaged
    {
        int count = ArrayPaths.CountOf<T>(worker.AnyLength());
        long index = worker.Random.Next(count);
        PagedArray<T> array = ArrayPaths.Writable<T>(worker, count, out long at);
        at += index * Unsafe.SizeOf<T>();
        T value = worker.Fresh<T>();
        await array.WriteAsync(index, value);
        worker.Wrote(at, value);
        worker.Check(at, await array.ReadAsync(index));
        array = ArrayPaths.Readable<T>(worker, count, out at);
        worker.Check(at + (index * Unsafe.SizeOf<T>()), await array.ReadAsync(index));
    }

    private static async ValueTask CopiesAsync<T>(Worker worker)
        where T : unmanaged
    {
        int count = ArrayPaths.CountOf<T>(worker.AnyLength());
        PagedArray<T> array = ArrayPaths.Writable<T>(worker, count, out long at);
        T[] values = ArrayPaths.Fresh<T>(worker, count).ToArray(); // the next collection moves it
        await array.CopyFromAsync(0, values);
        worker.Wrote(at, MemoryMarshal.AsBytes(values.AsSpan()));
        array = ArrayPaths.Readable<T>(worker, count, out at);
        int from = worker.Random.Next(count);
        await array.CopyToAsync(from, values.AsMemory(from));
        worker.Check(at + (from * Unsafe.SizeOf<T>()), MemoryMarshal.AsBytes(values.AsSpan(from)));
    }

    private static async ValueTask LeasesAsync<T>(Worker worker)
        where T : unmanaged
    {
        int count = ArrayPaths.CountOf<T>(worker.ShortLength());
        bool write = worker.Random.Next(2) == 0;
        long at;
        PagedArray<T> array = write ? ArrayPaths.Writable<T>(worker, count, out at) : ArrayPaths.Readable<T>(worker, count, out at);
        using PageLease<T> lease = await array.LeaseAsync(0, count, write ? PageAccess.Write : PageAccess.Read);
        worker.Check(at, MemoryMarshal.AsBytes(lease.ReadOnlySpan));
        await Task.Yield(); // held across threads
        if (write)
        {
            ReadOnlySpan<T> fresh = ArrayPaths.Fresh<T>(worker, count);
            fresh.CopyTo(lease.Span);
            worker.Wrote(at, MemoryMarshal.AsBytes(fresh));
        }

        worker.Check(at, MemoryMarshal.AsBytes(lease.ReadOnlySpan));
    }
}
