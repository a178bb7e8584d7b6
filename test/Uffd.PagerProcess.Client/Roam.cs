using System.Runtime.InteropServices;
using Uffd.Paging;

namespace Uffd.PagerProcess.Client;

/// <summary>Native touches at random until this process is ended: reads, and writes every few. A word that is not the pattern's ends it with 3.</summary>
internal static unsafe partial class Roam
{
    public static int Run(string store, long limit)
    {
        RawPagedRegion region = Regions.Start(store, limit);
        region.Failed += (_, failed) => Console.WriteLine($"failed {failed.Trouble}");
        var random = new Random(1);
        ulong* word = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        for (long touches = 0; ; touches++)
        {
            if (touches == 5000)
            {
                Console.WriteLine($"ready {region.PagerProcessId} {region.GuardianProcessId}"); // in the middle of faults, fills and evictions
                Console.Out.Flush();
            }

            long page = random.NextInt64(region.Length / 4096);
            byte* address = (byte*)region.Pointer + (page * 4096);
            MemCopy(word, address, sizeof(ulong));
            if (*word != Pattern.At(page * 512))
            {
                Console.WriteLine($"wrong word {*word:x} on page {page}");
                return 3;
            }

            if (touches % 4 == 0)
            {
                MemCopy(address, word, sizeof(ulong)); // the same value: the pattern stays
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "memcpy")]
    private static partial void* MemCopy(void* destination, void* source, nuint length);
}
