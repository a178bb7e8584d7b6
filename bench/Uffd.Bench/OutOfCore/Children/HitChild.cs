using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>
/// What an access costs whose bytes are in memory, in nanoseconds, beside the same on an array. Both walk the same scattered places of
/// so many bytes that the processor's caches hold them: what is measured is the work and not the memory.
/// </summary>
internal static class HitChild
{
    public const int LeaseBytes = 64 << 10;

    private const int Bytes = 256 << 10;
    private const int Reads = 100_000;
    private const int Leases = 10_000;
    private const int Pieces = 51;
    private const int WarmUps = 3;
    private const uint Step = 40_503; // odd: every place comes once before the first comes again
    private const uint Places = Bytes / sizeof(ulong);

    // Where sums go: the compiler may not leave the work out.
    private static ulong s_sum;

    public static JsonObject Run(ChildOptions options)
    {
        using var region = PagedRegion.Create(
            FilePageStore.Open(options.File, new FilePageStoreOptions { Direct = true }), new PagedRegionOptions { MemoryLimit = options.Limit });
        var memory = region.Memory;
        var array = new ulong[Places];
        memory.CopyTo(0, MemoryMarshal.AsBytes(array.AsSpan()));
        memory.CopyFrom(0, MemoryMarshal.AsBytes(array.AsSpan()));
        var rounds = new JsonArray();
        for (var round = -WarmUps; round < options.Count; round++)
        {
            var said = new JsonObject
            {
                ["arrayRead"] = Time(Reads, () => ReadArray(array)),
                ["read"] = Time(Reads, () => ReadRegion(memory)),
                ["arrayWrite"] = Time(Reads, () => WriteArray(array)),
                ["write"] = Time(Reads, () => WriteRegion(memory)),
                ["pin"] = Time(Leases, () => Pin(array)),
                ["lease"] = Time(Leases, () => TakeLeases(memory)),
            };
            if (round >= 0)
            {
                rounds.Add((JsonNode)said);
            }
        }

        return region.GetStatistics().Misses <= Bytes / Environment.SystemPageSize
            ? new JsonObject { ["rounds"] = rounds }
            : throw new BenchException("pages that were to be hit had gone");
    }

    /// <summary>The median of many pieces, each shorter than a time slice: what others do on the machine falls on few of them.</summary>
    private static double Time(int count, Func<ulong> work)
    {
        var pieces = new double[Pieces];
        for (var piece = 0; piece < Pieces; piece++)
        {
            var start = Stopwatch.GetTimestamp();
            s_sum = unchecked(s_sum + work());
            pieces[piece] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        }

        Array.Sort(pieces);
        return pieces[Pieces / 2];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong ReadArray(ulong[] array)
    {
        ulong sum = 0;
        uint place = 0;
        for (var i = 0; i < Reads; i++)
        {
            sum = unchecked(sum + array[place]);
            place = unchecked(place + Step) % Places;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong ReadRegion(PagedMemory memory)
    {
        ulong sum = 0;
        uint place = 0;
        for (var i = 0; i < Reads; i++)
        {
            sum = unchecked(sum + memory.Read<ulong>(place * sizeof(ulong)));
            place = unchecked(place + Step) % Places;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong WriteArray(ulong[] array)
    {
        uint place = 0;
        for (var i = 0; i < Reads; i++)
        {
            array[place] = place;
            place = unchecked(place + Step) % Places;
        }

        return place;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong WriteRegion(PagedMemory memory)
    {
        uint place = 0;
        for (var i = 0; i < Reads; i++)
        {
            memory.Write<ulong>(place * sizeof(ulong), place);
            place = unchecked(place + Step) % Places;
        }

        return place;
    }

    /// <summary>What .NET has that is nearest to a lease: memory that stays where it is until it is let go.</summary>
    private static ulong Pin(ulong[] array)
    {
        ulong sum = 0;
        for (var i = 0; i < Leases; i++)
        {
            var pin = GCHandle.Alloc(array, GCHandleType.Pinned);
            sum = unchecked(sum + (ulong)pin.AddrOfPinnedObject());
            pin.Free();
        }

        return sum;
    }

    private static ulong TakeLeases(PagedMemory memory)
    {
        ulong sum = 0;
        for (var i = 0; i < Leases; i++)
        {
            using var lease = memory.Lease(i % 4 * LeaseBytes, LeaseBytes, PageAccess.Read);
            sum += lease.ReadOnlySpan[i & (LeaseBytes - 1)];
        }

        return sum;
    }
}
