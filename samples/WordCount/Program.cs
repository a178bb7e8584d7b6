// How often each word is in a text that is ten times as large as the memory it may take.
//
//   dotnet run -c Release --project samples/WordCount -- [FILE]
//
// Without a file it makes one. The same is counted from a plain stream, and the two must agree.
using System.Diagnostics;
using Uffd.Paging;
using WordCount;

string? made = args.Length == 0 ? Text.Make(160 << 20) : null;
try
{
    string path = made ?? args[0];
    long length = new FileInfo(path).Length;
    ulong limit = (ulong)Math.Max(length / 10, 256 << 10); // 256 KiB is the least a region can do with
    Plain(path); // once for the page cache, so that neither way pays for the disk

    long started = Stopwatch.GetTimestamp();
    WordCounter expected = Plain(path);
    TimeSpan plain = Stopwatch.GetElapsedTime(started);

    started = Stopwatch.GetTimestamp();
    WordCounter found = Paged(path, limit, out PagedRegionStatistics statistics);
    TimeSpan paged = Stopwatch.GetElapsedTime(started);

    foreach ((string word, int count) in found.Counts.OrderByDescending(word => word.Value).ThenBy(word => word.Key, StringComparer.Ordinal).Take(5))
    {
        Console.WriteLine($"{count,12:N0}  {word}");
    }

    bool isRight = found.Counts.Count == expected.Counts.Count && expected.Counts.All(word => found.Counts.GetValueOrDefault(word.Key) == word.Value);
    Console.WriteLine($"{length >> 20} MiB in at most {limit >> 10} KiB of memory: {paged.TotalSeconds:0.00} s, a plain stream {plain.TotalSeconds:0.00} s, ratio {paged / plain:0.00}");
    Console.WriteLine($"{statistics.ReadBytes >> 20} MiB were read, {statistics.AheadBytes >> 20} of them ahead; {statistics.ResidentBytes >> 10} KiB are in memory now");
    Console.WriteLine(isRight ? "verified: both counted the same" : "WRONG: the two differ");
    return isRight ? 0 : 1;
}
finally
{
    if (made is not null)
    {
        File.Delete(made);
    }
}

static WordCounter Paged(string path, ulong limit, out PagedRegionStatistics statistics)
{
    using var region = PagedRegion.OpenReadOnly(FilePageSource.Open(path), new PagedRegionOptions { MemoryLimit = limit });
    var counter = new WordCounter();
    foreach (ReadOnlySpan<byte> block in region.Memory.AsArray<byte>().Blocks())
    {
        counter.Add(block); // a span over the pages themselves: nothing is copied, and they stay until the next block
    }

    counter.End();
    statistics = region.GetStatistics();
    return counter;
}

static WordCounter Plain(string path)
{
    var counter = new WordCounter();
    byte[] buffer = new byte[64 << 10];
    using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
    for (int read; (read = stream.Read(buffer)) > 0;)
    {
        counter.Add(buffer.AsSpan(0, read));
    }

    counter.End();
    return counter;
}
