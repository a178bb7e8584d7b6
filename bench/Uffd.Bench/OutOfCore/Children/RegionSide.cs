using System.Globalization;
using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>The file as a <see cref="PagedRegion"/> shows it, past the page cache.</summary>
internal sealed class RegionSide : ISideMemory
{
    private readonly MeteredPageStore store;
    private readonly PagedRegion region;
    private readonly PagedMemory memory;

    public RegionSide(string path, ulong limit)
    {
        store = new MeteredPageStore(FilePageStore.Open(path, new FilePageStoreOptions { Direct = true }));
        region = PagedRegion.Create(store, new PagedRegionOptions { MemoryLimit = limit });
        memory = region.Memory;
    }

    public long Length => region.Length;

    public long Misses => region.GetStatistics().Misses;

    public string Facts
    {
        get
        {
            var now = region.GetStatistics();
            var calls = store.GetStatistics();
            return string.Create(
                CultureInfo.InvariantCulture,
                $"read {now.ReadBytes >> 20} MiB, of them {now.AheadBytes >> 20} MiB ahead; took out {now.EvictedBytes >> 20} MiB; wrote {now.WrittenBytes >> 20} MiB in {now.Writes} calls; {now.Stalls} stalls; {calls.Reads.Reads} reads of p50 {Microseconds(calls.Reads)} us, {calls.Writes.Reads} writes of {Microseconds(calls.Writes)} us");
        }
    }

    public Record Read(long number) => memory.Read<Record>(number * Record.Size);

    public void Write(long number, in Record record) => memory.Write(number * Record.Size, record);

    public ulong Sum(long offset, int length)
    {
        using var lease = memory.Lease(offset, length, PageAccess.Read);
        return Words.Sum(lease.ReadOnlySpan);
    }

    public void Flush() => region.Flush();

    public void Dispose() => region.Dispose();

    private static double Microseconds(SourceStatistics calls) => Math.Round(calls.Latency.Percentile(0.5) / 1e3, 1);
}
