using Uffd.Paging;

namespace Uffd.PagerProcess.Client;

/// <summary>
/// Starts a region, writes a page, says that it is ready, and touches one page when it is told so by a line. SIGBUS ends it.
/// </summary>
internal static unsafe class Touch
{
    public static int Run(string store, long limit, long offset, FaultFailurePolicy policy)
    {
        RawPagedRegion region = Regions.Start(store, limit, policy);
        *(ulong*)region.Pointer = 42; // inside: the region has a byte at least, and a page is mapped for it
        Console.WriteLine($"ready {region.PagerProcessId} {region.GuardianProcessId}");
        Console.Out.Flush();
        while (Console.ReadLine() is { } line)
        {
            if (line is "touch")
            {
                Console.WriteLine($"value {*(ulong*)(region.Pointer + (nint)offset):x}");
            }
            else if (line is "dispose")
            {
                region.Dispose();
                Console.WriteLine("disposed");
            }

            Console.Out.Flush();
        }

        return 0;
    }
}
