using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Memory as arrays of values, which begin anywhere, so that elements cross pages.</summary>
internal static class ArrayPaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("array-values", InAnyType(Values<short>, Values<long>, Values<UInt128>), "PagedMemory.AsArray", "PagedArray<T>.Item", "PagedArray<T>.Slice", "PagedArray<T>.Length", "PagedArray<T>.Memory"),
        AccessPath.OnThreads("array-copies", InAnyType(Copies<short>, Copies<long>, Copies<UInt128>), "PagedArray<T>.new", "PagedArray<T>.CopyTo", "PagedArray<T>.CopyFrom"),
        AccessPath.OnThreads("array-blocks", InAnyType(Blocks<short>, Blocks<long>, Blocks<UInt128>), ["PagedArray<T>.Blocks", "PagedArray<T>.WritableBlocks", "PagedArray<T>.Fill", "PagedArray<T>.Clear", "PagedArray<T>.ReadBlocks.GetEnumerator", "PagedArray<T>.WriteBlocks.GetEnumerator", .. Loops("ReadBlocks"), .. Loops("WriteBlocks")]),
        AccessPath.OnThreads("array-elements", InAnyType(Elements<short>, Elements<long>, Elements<UInt128>), ["PagedArray<T>.GetEnumerator", .. Loops("Enumerator")]),
        AccessPath.OnThreads("array-leases", InAnyType(Leases<short>, Leases<long>, Leases<UInt128>), "PagedArray<T>.Lease", "PageLease<T>.Span", "PageLease<T>.ReadOnlySpan", "PageLease<T>.Length", "PageLease<T>.IsHeld", "PageLease<T>.Bytes", "PageLease<T>.Dispose"),
        AccessPath.OnThreads("array-search", Search, "PagedArray<T>.IndexOf", "PagedArray<T>.BinarySearch"),
    ];

    /// <summary>How many elements fit into so many bytes: at least one.</summary>
    public static int CountOf<T>(int bytes)
        where T : unmanaged
        => Math.Max(1, bytes / Unsafe.SizeOf<T>());

    /// <summary>What is in the memory, as elements.</summary>
    public static Span<T> Expected<T>(Worker worker, long at, int count)
        where T : unmanaged
        => MemoryMarshal.Cast<byte, T>(worker.Run.Content.Expected.AsSpan((int)at, count * Unsafe.SizeOf<T>()));

    /// <summary>Elements that were not there before.</summary>
    public static ReadOnlySpan<T> Fresh<T>(Worker worker, int count)
        where T : unmanaged
        => MemoryMarshal.Cast<byte, T>(worker.Fresh(count * Unsafe.SizeOf<T>()).Span);

    /// <summary>Elements that are read and known.</summary>
    public static PagedArray<T> Readable<T>(Worker worker, int count, out long at)
        where T : unmanaged
    {
        at = worker.Readable(count * Unsafe.SizeOf<T>());
        return worker.Memory.Slice(at, count * Unsafe.SizeOf<T>()).AsArray<T>();
    }

    /// <summary>Elements that this worker may write.</summary>
    public static PagedArray<T> Writable<T>(Worker worker, int count, out long at)
        where T : unmanaged
    {
        at = worker.Writable(count * Unsafe.SizeOf<T>());
        return new PagedArray<T>(worker.Memory.Slice(at, count * Unsafe.SizeOf<T>()));
    }

    public static void Same(long found, long expected)
    {
        if (found != expected)
        {
            throw new InvalidDataException($"{found} came out of an array, and {expected} should have");
        }
    }

    private static Action<Worker> InAnyType(params Action<Worker>[] steps) => worker => steps[worker.Random.Next(steps.Length)](worker);

    private static IEnumerable<string> Loops(string type) => [$"PagedArray<T>.{type}.Current", $"PagedArray<T>.{type}.MoveNext", $"PagedArray<T>.{type}.Dispose"];

    private static void Values<T>(Worker worker)
        where T : unmanaged
    {
        int count = CountOf<T>(worker.AnyLength());
        long index = worker.Random.Next(count);
        long at;
        PagedArray<T> array;
        if (worker.Random.Next(2) == 0)
        {
            array = Writable<T>(worker, count, out at);
            T value = worker.Fresh<T>();
            array[index] = value;
            worker.Wrote(at + (index * Unsafe.SizeOf<T>()), value);
        }
        else
        {
            array = Readable<T>(worker, count, out at);
        }

        Same(array.Length, count);
        Same(array.Memory.Length, count * Unsafe.SizeOf<T>());
        PagedArray<T> rest = array.Slice(index, count - index);
        worker.Check(at + (index * Unsafe.SizeOf<T>()), rest[0]);
        worker.Check(at + ((count - 1) * Unsafe.SizeOf<T>()), rest[rest.Length - 1]);
    }

    private static void Copies<T>(Worker worker)
        where T : unmanaged
    {
        int count = CountOf<T>(worker.AnyLength());
        PagedArray<T> array;
        long at;
        if (worker.Random.Next(2) == 0)
        {
            array = Writable<T>(worker, count, out at);
            ReadOnlySpan<T> fresh = Fresh<T>(worker, count);
            array.CopyFrom(0, fresh);
            worker.Wrote(at, MemoryMarshal.AsBytes(fresh));
        }
        else
        {
            array = Readable<T>(worker, count, out at);
        }

        int from = worker.Random.Next(count);
        Span<T> found = MemoryMarshal.Cast<byte, T>(worker.Buffer.AsSpan())[..(count - from)];
        array.CopyTo(from, found);
        worker.Check(at + (from * Unsafe.SizeOf<T>()), MemoryMarshal.AsBytes(found));
    }

    private static void Blocks<T>(Worker worker)
        where T : unmanaged
    {
        int count = CountOf<T>(worker.AnyLength());
        PagedArray<T> array = Writable<T>(worker, count, out long at);
        int done = 0;
        switch (worker.Random.Next(3))
        {
            case 0:
                foreach (Span<T> block in array.WritableBlocks())
                {
                    ReadOnlySpan<T> fresh = Fresh<T>(worker, block.Length);
                    fresh.CopyTo(block);
                    worker.Wrote(at + (done * Unsafe.SizeOf<T>()), MemoryMarshal.AsBytes(fresh));
                    done += block.Length;
                }

                Same(done, count);
                break;
            case 1:
                T value = worker.Fresh<T>();
                array.Fill(value);
                Expected<T>(worker, at, count).Fill(value);
                break;
            default:
                array.Clear();
                Expected<T>(worker, at, count).Clear();
                break;
        }

        done = 0;
        foreach (ReadOnlySpan<T> block in array.Blocks())
        {
            worker.Check(at + (done * Unsafe.SizeOf<T>()), MemoryMarshal.AsBytes(block));
            done += block.Length;
        }

        Same(done, count);
    }

    private static void Elements<T>(Worker worker)
        where T : unmanaged
    {
        int count = CountOf<T>(worker.AnyLength());
        PagedArray<T> array = Readable<T>(worker, count, out long at);
        int stop = worker.Random.Next(2) == 0 ? count : worker.Random.Next(count); // a loop that is left gives its lease back too
        int done = 0;
        foreach (T value in array)
        {
            worker.Check(at + (done * Unsafe.SizeOf<T>()), value);
            if (++done == stop)
            {
                break;
            }
        }

        Same(done, stop == 0 ? count : stop);
        worker.Touch();
    }

    private static void Leases<T>(Worker worker)
        where T : unmanaged
    {
        int count = CountOf<T>(worker.ShortLength());
        bool write = worker.Random.Next(2) == 0;
        long at;
        PagedArray<T> array = write ? Writable<T>(worker, count, out at) : Readable<T>(worker, count, out at);
        PageLease<T> lease = array.Lease(0, count, write ? PageAccess.Write : PageAccess.Read);
        if (write)
        {
            ReadOnlySpan<T> fresh = Fresh<T>(worker, count);
            fresh.CopyTo(lease.Span);
            worker.Wrote(at, MemoryMarshal.AsBytes(fresh));
        }

        worker.Check(at, MemoryMarshal.AsBytes(lease.ReadOnlySpan));
        worker.Check(at, lease.Bytes.ReadOnlySpan);
        Same(lease.Length, count);
        Same(lease.IsHeld ? 1 : 0, 1);
        lease.Dispose();
        Same(lease.IsHeld ? 1 : 0, 0);
    }

    private static void Search(Worker worker)
    {
        int count = CountOf<long>(worker.ShortLength());
        PagedArray<long> array = Writable<long>(worker, count, out long at);
        Span<long> expected = Expected<long>(worker, at, count);
        long value = worker.Random.Next(4) == 0 ? worker.Random.NextInt64() : expected[worker.Random.Next(count)];
        int from = worker.Random.Next(count + 1);
        int rest = expected[from..].IndexOf(value);
        Same(array.IndexOf(value, from), rest < 0 ? -1 : from + rest);

        using (PageLease<long> lease = array.Lease(0, count, PageAccess.Write))
        {
            lease.Span.Sort();
        }

        expected.Sort();
        long found = array.BinarySearch(value);
        int sorted = expected.BinarySearch(value);
        Same(found < 0 ? found : expected[(int)found], sorted < 0 ? sorted : value); // of those that are the same it may be any
        worker.Check(at + (from < count ? from * sizeof(long) : 0), array[from < count ? from : 0]);
    }
}
