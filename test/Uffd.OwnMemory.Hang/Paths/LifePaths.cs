using System.Diagnostics.CodeAnalysis;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Regions that are made and ended, also while they are used and leased.</summary>
internal static class LifePaths
{
    private const int Users = 3;

    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.Whole("read-only", ReadOnly, "PagedRegion.OpenReadOnly"),
        AccessPath.Whole("dispose", run => DisposeUnderLoad(run, region => region.Dispose()), "PagedRegion.Create", "PagedRegion.Dispose"),
        AccessPath.Whole("dispose-async", run => DisposeUnderLoad(run, region => region.DisposeAsync().AsTask().GetAwaiter().GetResult()), "PagedRegion.DisposeAsync"),
    ];

    /// <summary>Over a file, whose pages the kernel takes where they are.</summary>
    private static void ReadOnly(Run run)
    {
        string path = Path.Combine(Path.GetTempPath(), $"uffd-hang-{Guid.NewGuid():N}");
        try
        {
            File.WriteAllBytes(path, run.Content.Expected);
            using PagedRegion region = PagedRegion.OpenReadOnly(FilePageSource.Open(path), new PagedRegionOptions { MemoryLimit = Layout.Limit });
            run.Watch(region);
            run.OnThreads(region, static worker =>
            {
                int length = worker.AnyLength();
                long at = worker.Readable(length);
                worker.Memory.CopyTo(at, worker.Buffer.AsSpan(0, length));
                worker.Check(at, worker.Buffer.AsSpan(0, length));
            });
            run.Count(region.GetStatistics());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "ending it is what is looked at")]
    private static void DisposeUnderLoad(Run run, Action<PagedRegion> dispose)
    {
        for (int round = 0; !run.IsOver; round++)
        {
            PagedRegion region = run.CreateRegion();
            Worker[] workers = run.Workers(region, Users);
            using var warm = new CountdownEvent(Users);
            Task[] users = [.. workers.Select(worker => Task.Factory.StartNew(() => UseUntilTheEnd(worker, warm), TaskCreationOptions.LongRunning))];
            using PageLease held = region.Memory.Lease(0, 2 * Environment.SystemPageSize, PageAccess.Read);
            warm.Wait();
            Thread.Sleep(round % 4);
            run.Count(region.GetStatistics());
            dispose(region);
            if (!held.ReadOnlySpan.SequenceEqual(run.Content.Expected.AsSpan(0, held.Length)))
            {
                throw new InvalidDataException("the bytes of a lease changed when its region was disposed");
            }

            if (!Task.WaitAll(users, TimeSpan.FromSeconds(30)))
            {
                throw new StuckException("who uses a region does not notice its end");
            }

            foreach (Worker worker in workers)
            {
                run.Add(worker);
            }

            run.Content.VerifyStored(); // what a write that did not throw has written is saved
        }
    }

    private static void UseUntilTheEnd(Worker worker, CountdownEvent warm)
    {
        int turn = 0;
        try
        {
            while (true)
            {
                // What is read only: how much of a write that the end cuts short is there is not told.
                int length = worker.AnyLength();
                long at = worker.Readable(length);
                worker.Memory.CopyTo(at, worker.Buffer.AsSpan(0, length));
                worker.Check(at, worker.Buffer.AsSpan(0, length));
                WriteValue(worker);
                if (++turn == 4)
                {
                    warm.Signal();
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The end.
        }
        finally
        {
            if (turn < 4)
            {
                warm.Signal();
            }
        }
    }

    /// <summary>Either it is written, and saved by the end of the region, or it throws and nothing is.</summary>
    private static void WriteValue(Worker worker)
    {
        byte value = worker.Fresh<byte>();
        long at = worker.Writable(1);
        worker.Memory.Write(at, value);
        worker.Wrote(at, value);
    }
}
