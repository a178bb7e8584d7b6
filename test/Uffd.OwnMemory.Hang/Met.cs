namespace Uffd.OwnMemory.Hang;

/// <summary>What runs met: without misses, evictions and collections a run proves nothing.</summary>
internal sealed class Met
{
    private readonly List<string> _vain = [];
    private long _accesses;
    private long _misses;
    private long _collections;
    private ulong _evictedBytes;
    private ulong _writtenBytes;

    public bool IsInconclusive => _vain.Count > 0;

    public void Add(string path, Run run, TimeSpan took)
    {
        int collections = run.Collections;
        Console.WriteLine($"path={path} accesses={run.Accesses} misses={run.Misses} collections={collections} evicted-bytes={run.EvictedBytes} written-bytes={run.WrittenBytes} ms={took.TotalMilliseconds:F0}");
        if (run.Accesses == 0 || run.Misses == 0 || run.EvictedBytes == 0 || collections == 0)
        {
            _vain.Add(path);
        }

        _accesses += run.Accesses;
        _misses += run.Misses;
        _collections += collections;
        _evictedBytes += run.EvictedBytes;
        _writtenBytes += run.WrittenBytes;
    }

    public void Tell()
    {
        Console.WriteLine($"accesses={_accesses} misses={_misses} collections={_collections} evicted-bytes={_evictedBytes} written-bytes={_writtenBytes}");
        if (IsInconclusive)
        {
            Console.Error.WriteLine($"inconclusive, nothing was touched, missed, evicted or collected: {string.Join(", ", _vain)}");
        }
    }
}
