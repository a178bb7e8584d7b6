using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Tool.OutOfCore;

/// <summary>
/// Memory larger than what it may take: a file of records is worked on through a region with a limit, made durable, opened anew and compared record by
/// record; then the same work on a mapped file, in a process with the same limit.
/// </summary>
internal static class OutOfCoreDemo
{
    public static async Task<OutOfCoreResult> RunAsync(OutOfCoreOptions options, CancellationToken cancellation)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("uffd-outofcore-");
        try
        {
            string path = Path.Combine(folder.FullName, "records");
            OutOfCoreResult found = await Task.Run(() => Work(options, path, cancellation), cancellation);
            File.Delete(path);
            return found with { Mapped = await MappedSide.RunAsync(options, Path.Combine(folder.FullName, "mapped"), cancellation) };
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static OutOfCoreResult Work(OutOfCoreOptions options, string path, CancellationToken cancellation)
    {
        var work = new RecordWork(options.FileBytes, options.Operations);
        var regionOptions = new PagedRegionOptions { MemoryLimit = options.LimitBytes };
        using (PagedRegion.OpenReadOnly(MemoryPageSource.FromBytes([0])))
        {
            // An early and clear error where this system cannot have it.
        }

        Records.MakeFile(path, options.FileBytes, share => options.Tell(new OutOfCoreMoment(OutOfCorePhase.Make, share)), cancellation);
        double seconds;
        bool isDirect;
        PagedRegionStatistics statistics;
        using (var region = PagedRegion.Create(OutOfCoreStore.Open(path, out isDirect), regionOptions))
        {
            var records = new PagedRecords(region);
            long started = Stopwatch.GetTimestamp();
            using (new Timer(_ => Tell(options, work, region), null, 100, 100))
            {
                work.Run(records, cancellation);
            }

            TimeSpan worked = Stopwatch.GetElapsedTime(started);
            statistics = region.GetStatistics();
            started = Stopwatch.GetTimestamp();
            region.Flush();
            seconds = (worked + Stopwatch.GetElapsedTime(started)).TotalSeconds;
            options.Tell(new OutOfCoreMoment(OutOfCorePhase.Work, 1, statistics, work.Reads + work.Writes));
        }

        using var again = PagedRegion.OpenReadOnly(OutOfCoreStore.Open(path, out _), regionOptions);
        long wrong = work.Verify(new PagedRecords(again), share => options.Tell(new OutOfCoreMoment(OutOfCorePhase.Verify, share)), cancellation);
        return new OutOfCoreResult(work.Wrong + wrong == 0, options.FileBytes, seconds, new MappedTime(0, IsLimited: false), statistics, isDirect, work.Reads, work.Writes);
    }

    private static void Tell(OutOfCoreOptions options, RecordWork work, PagedRegion region)
    {
        try
        {
            options.Tell(new OutOfCoreMoment(OutOfCorePhase.Work, work.Share, region.GetStatistics(), work.Reads + work.Writes));
        }
        catch (ObjectDisposedException)
        {
            // The last tick may come when the work has failed and the region is gone.
        }
    }
}
