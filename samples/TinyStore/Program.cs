// A store of one's own: pages that are kept compressed in memory.
//
//   dotnet run -c Release --project samples/TinyStore
using System.Text;
using Uffd.Samples;

const int Length = 16 << 20;
byte[] page = new byte[Environment.SystemPageSize];
using var store = new CompressedPageStore(Length);

for (int offset = 0; offset < Length; offset += page.Length)
{
    Fill(page, offset);
    store.Write((ulong)offset, page);
}

store.Flush();
byte[] expected = new byte[page.Length];
for (int offset = 0; offset < Length; offset += page.Length)
{
    store.Read((ulong)offset, page);
    Fill(expected, offset);
    if (!page.AsSpan().SequenceEqual(expected))
    {
        Console.WriteLine($"the page at {offset} is not what was written");
        return 1;
    }
}

Console.WriteLine($"{Length >> 20} MiB written and read again, kept in {store.StoredBytes >> 10} KiB");
return 0;

static void Fill(Span<byte> page, int offset)
{
    for (int at = 0; at < page.Length; at += 32)
    {
        Encoding.ASCII.GetBytes($"the line at byte {offset + at,14}\n", page[at..]);
    }
}
