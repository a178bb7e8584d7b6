// Memory over a store of one's own: 64 MiB of it in 8 MiB of memory and what they are compressed to.
//
//   dotnet run -c Release --project samples/TinyStore
using System.Text;
using Uffd.Paging;
using Uffd.Samples;

const int Length = 64 << 20;
using var store = new CompressedPageStore(Length);
using var region = PagedRegion.Create(store, new PagedRegionOptions { MemoryLimit = 8 << 20, OwnsStore = false });
byte[] line = new byte[32];
byte[] expected = new byte[32];

for (int offset = 0; offset < Length; offset += line.Length)
{
    Fill(line, offset);
    region.Memory.CopyFrom(offset, line);
}

for (int offset = 0; offset < Length; offset += line.Length)
{
    region.Memory.CopyTo(offset, line);
    Fill(expected, offset);
    if (!line.AsSpan().SequenceEqual(expected))
    {
        Console.WriteLine($"the line at byte {offset} is not what was written");
        return 1;
    }
}

region.Flush();
Console.WriteLine($"{Length >> 20} MiB written and read again: {region.GetStatistics().ResidentBytes >> 20} MiB of it in memory, all of it in {store.StoredBytes >> 10} KiB of the store");
return 0;

static void Fill(Span<byte> line, int offset) => Encoding.ASCII.GetBytes($"the line at byte {offset,14}\n", line);
