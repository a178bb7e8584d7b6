using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.OwnMemory.Hang;

/// <summary>Single values of several sizes, anywhere and across pages.</summary>
internal static class ValuePaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("read", ReadAny, "PagedMemory.Read", "PagedMemory.Length"),
        AccessPath.OnThreads("write", WriteAny, "PagedMemory.Write"),
        AccessPath.OnThreads("slice", ReadSlice, "PagedMemory.Slice"),
    ];

    private static void ReadAny(Worker worker)
    {
        switch (worker.Random.Next(5))
        {
            case 0: Read<byte>(worker); break;
            case 1: Read<ushort>(worker); break;
            case 2: Read<int>(worker); break;
            case 3: Read<Odd>(worker); break;
            default: Read<long>(worker); break;
        }
    }

    private static void WriteAny(Worker worker)
    {
        switch (worker.Random.Next(5))
        {
            case 0: Write<byte>(worker); break;
            case 1: Write<ushort>(worker); break;
            case 2: Write<int>(worker); break;
            case 3: Write<Odd>(worker); break;
            default: Write<long>(worker); break;
        }
    }

    private static void Read<T>(Worker worker)
        where T : unmanaged
    {
        long at = worker.Readable(Unsafe.SizeOf<T>());
        if (at > worker.Memory.Length)
        {
            throw new InvalidDataException("the memory is shorter than it was");
        }

        worker.Check(at, worker.Memory.Read<T>(at));
    }

    private static void Write<T>(Worker worker)
        where T : unmanaged
    {
        long at = worker.Writable(Unsafe.SizeOf<T>());
        T value = worker.Fresh<T>();
        worker.Memory.Write(at, value);
        worker.Wrote(at, value);
        worker.Check(at, worker.Memory.Read<T>(at));
    }

    private static void ReadSlice(Worker worker)
    {
        int length = worker.AnyLength() + sizeof(int);
        long at = worker.Readable(length);
        Paging.PagedMemory slice = worker.Memory.Slice(at, length);
        int inside = worker.Random.Next(length - sizeof(int) + 1);
        worker.Check(at + inside, slice.Slice(inside, sizeof(int)).Read<int>(0));
    }

    /// <summary>A value that no register holds.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1, Size = 100)]
    private struct Odd;
}
