using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Leases, worked on by code of all kinds: loops, vectors, sorting, pointers, system calls.</summary>
internal static class LeasePaths
{
    private static readonly SafeFileHandle Nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);

    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("lease-read", Read, "PagedMemory.Lease", "PageLease.ReadOnlySpan", "PageLease.Length", "PageLease.IsHeld", "PageLease.Dispose"),
        AccessPath.OnThreads("lease-write", Write, "PageLease.Span"),
        AccessPath.OnThreads("lease-pointer", ReadByPointer, "PageLease.UnsafeAddress"),
        AccessPath.OnThreads("leases-held", HoldSeveral, "PagedMemory.Lease"),
    ];

    private static void Read(Worker worker)
    {
        int length = worker.ShortLength();
        long at = worker.Readable(length);
        PageLease lease = worker.Memory.Lease(at, length, PageAccess.Read);
        worker.Check(at, lease.ReadOnlySpan);
        ReadOnlySpan<byte> expected = worker.Run.Content.Expected.AsSpan((int)at, lease.Length);
        Same(Sum(lease.ReadOnlySpan), Sum(expected));
        Same(SumByVectors(lease.ReadOnlySpan), SumByVectors(expected));
        Same(lease.ReadOnlySpan.IndexOf((byte)7), expected.IndexOf((byte)7));
        Same(lease.ReadOnlySpan.Count((byte)0), expected.Count((byte)0));
        bool wasHeld = lease.IsHeld;
        lease.Dispose();
        Same(wasHeld && !lease.IsHeld ? 1 : 0, 1);
    }

    private static void Write(Worker worker)
    {
        int length = worker.ShortLength();
        long at = worker.Writable(length);
        using PageLease lease = worker.Memory.Lease(at, length, PageAccess.Write);
        Span<byte> expected = worker.Run.Content.Expected.AsSpan((int)at, length);
        switch (worker.Random.Next(4))
        {
            case 0:
                worker.Fresh(length).Span.CopyTo(lease.Span);
                lease.Span.CopyTo(expected);
                break;
            case 1:
                MemoryMarshal.Cast<byte, long>(lease.Span).Sort();
                MemoryMarshal.Cast<byte, long>(expected).Sort();
                break;
            case 2:
                lease.Span.Reverse();
                expected.Reverse();
                break;
            default:
                Increment(lease.Span);
                Increment(expected);
                break;
        }

        worker.Check(at, lease.Span);
    }

    private static unsafe void ReadByPointer(Worker worker)
    {
        int length = worker.ShortLength();
        long at = worker.Readable(length);
        using PageLease lease = worker.Memory.Lease(at, length, PageAccess.Read);
        byte* bytes = (byte*)lease.UnsafeAddress; // valid while the lease is held, which is to the end of this method
        long sum = 0;
        for (int index = 0; index < length; index++)
        {
            sum += bytes[index];
        }

        Same(sum, Sum(worker.Run.Content.Expected.AsSpan((int)at, length)));
        RandomAccess.Write(Nowhere, new ReadOnlySpan<byte>(bytes, length), 0); // the kernel reads them; as above
        worker.Check(at, new ReadOnlySpan<byte>(bytes, length)); // as above
    }

    private static void HoldSeveral(Worker worker)
    {
        int length = worker.ShortLength();
        long first = worker.Readable(length);
        long second = worker.Writable(length);
        using PageLease one = worker.Memory.Lease(first, length, PageAccess.Read);
        using PageLease other = worker.Memory.Lease(second, length, PageAccess.Write);
        ReadOnlySpan<byte> held = one.ReadOnlySpan;
        worker.Touch(); // while both are held, others must go
        worker.Touch();
        Same(one.IsHeld && other.IsHeld ? 1 : 0, 1);
        worker.Check(first, held);
        ReadOnlySpan<byte> fresh = worker.Fresh(length).Span;
        fresh.CopyTo(other.Span);
        worker.Wrote(second, fresh);
    }

    private static long Sum(ReadOnlySpan<byte> bytes)
    {
        long sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return sum;
    }

    private static long SumByVectors(ReadOnlySpan<byte> bytes)
    {
        Vector<byte> sums = Vector<byte>.Zero;
        for (; bytes.Length >= Vector<byte>.Count; bytes = bytes[Vector<byte>.Count..])
        {
            sums += new Vector<byte>(bytes);
        }

        return Vector.Sum(sums);
    }

    private static void Increment(Span<byte> bytes)
    {
        for (int index = 0; index < bytes.Length; index++)
        {
            bytes[index] = unchecked((byte)(bytes[index] + 1));
        }
    }

    private static void Same(long found, long expected)
    {
        if (found != expected)
        {
            throw new InvalidDataException($"{found} came out of a lease's bytes, and {expected} should have");
        }
    }
}
