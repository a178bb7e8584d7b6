using Uffd.Paging;

namespace Uffd.PagerProcess.Client;

/// <summary>
/// Threads that count, by raw pointers, in words of their own on pages at random: a count that is lost, or one that comes back, is found at
/// once by its thread, and by whoever adds up the image at the end.
/// </summary>
internal static unsafe class Writers
{
    public static int Run(string store, long limit, int threads, int counts)
    {
        long wrong = 0;
        using (RawPagedRegion region = Regions.Start(store, limit))
        {
            ulong* words = (ulong*)region.Pointer;
            int pages = (int)(region.Length / 4096);
            var workers = Enumerable.Range(0, threads).Select(thread => new Thread(() => Interlocked.Add(ref wrong, Count(words, pages, thread, counts)))).ToList();
            workers.ForEach(worker => worker.Start());
            int flushes = 0;
            while (workers.Exists(worker => worker.IsAlive))
            {
                region.Flush(); // pages are written again while they are being saved
                flushes++;
            }

            workers.ForEach(worker => worker.Join());
            Console.WriteLine($"flushes {flushes}");
            Console.WriteLine(region.GetStatistics());
        }

        Console.WriteLine($"wrong {wrong}");
        return wrong == 0 ? 0 : 1;
    }

    /// <returns>How many words were not as this thread had left them.</returns>
    private static long Count(ulong* words, int pages, int thread, int counts)
    {
        var random = new Random(thread + 1);
        uint[] mine = new uint[pages];
        long wrong = 0;
        for (int done = 0; done < counts; done++)
        {
            int page = random.Next(pages);
            long index = ((long)page * 512) + thread; // inside the region: 512 words a page, and fewer threads than that
            ulong before = Pattern.At(index) + mine[page];
            wrong += words[index] == before ? 0 : 1;
            if (random.Next(3) > 0)
            {
                mine[page]++;
                words[index] = before + 1;
            }
        }

        for (int page = 0; page < pages; page++)
        {
            long index = ((long)page * 512) + thread;
            wrong += words[index] == Pattern.At(index) + mine[page] ? 0 : 1;
        }

        Console.WriteLine($"thread {thread} counted {mine.Sum(count => (long)count)}");
        return wrong;
    }
}
