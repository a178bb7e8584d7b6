using Uffd.Paging;

namespace Uffd.PagerProcess.Client;

/// <summary>Threads that touch missing pages by spans and pointers while another collects without a pause.</summary>
internal static unsafe class Collections
{
    public static int Run(string store, long limit, TimeSpan time)
    {
        using RawPagedRegion region = Regions.Start(store, limit);
        long end = Environment.TickCount64 + (long)time.TotalMilliseconds;
        long touches = 0;
        long wrong = 0;
        var touchers = Enumerable.Range(0, 3).Select(seed => new Thread(() =>
        {
            var random = new Random(seed);
            while (Environment.TickCount64 < end)
            {
                long page = random.NextInt64(region.Length / 4096);
                ulong value = seed == 0
                    ? BitConverter.ToUInt64(region.AsSpan(page * 4096, 16).ToArray()) // a short copy: not interruptible
                    : *(ulong*)(region.Pointer + (nint)(page * 4096)); // a bare dereference
                Interlocked.Add(ref wrong, value == Pattern.At(page * 512) ? 0 : 1);
                Interlocked.Increment(ref touches);
            }
        })).ToList();
        touchers.ForEach(toucher => toucher.Start());
        int before = GC.CollectionCount(2);
        while (Environment.TickCount64 < end)
        {
            GC.Collect();
        }

        touchers.ForEach(toucher => toucher.Join());
        Console.WriteLine($"touches {touches} collections {GC.CollectionCount(2) - before} wrong {wrong}");
        return wrong == 0 ? 0 : 1;
    }
}
