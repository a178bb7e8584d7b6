namespace Uffd.Paging;

/// <summary>What a region's pager counts. Each field is added to by any thread.</summary>
internal sealed class RawCounters
{
    public long MissingFaults;
    public long WriteFaults;
    public long FilledPages;
    public long WrittenPages;
    public long EvictedPages;
    public long ReturnedPages;
    public long ReadFailures;
    public long WriteFailures;
    public long PoisonedPages;
    public long Parked;

    public static void Add(ref long counter, long count = 1) => Interlocked.Add(ref counter, count);
}
