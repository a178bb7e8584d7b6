namespace Uffd.Tool.OutOfCore;

/// <summary>
/// The work of the demo: threads that each read records of their own pages, chosen as <see cref="ZipfRanks"/> says, look at every word, and write three
/// in ten anew. The same numbers make the same work, whatever memory it is done on.
/// </summary>
internal sealed class RecordWork
{
    /// <summary>How many threads work.</summary>
    public const int Threads = 2;

    private const int WritesOfTen = 3;
    private const int TellEvery = 256;
    private const ulong Scatter = 2_654_435_761; // a prime: it scatters the frequent pages over the file

    private readonly uint[] _versions;
    private readonly long _pagesOfAThread;
    private readonly int _recordsOfAPage;
    private readonly ZipfRanks _ranks;
    private readonly long _operations;
    private long _reads;
    private long _writes;
    private long _wrong;

    /// <summary>Prepares it.</summary>
    /// <param name="bytes">Of the file: whole pages for each thread.</param>
    /// <param name="operations">How many records to read.</param>
    public RecordWork(long bytes, long operations)
    {
        int pageSize = Environment.SystemPageSize;
        _versions = new uint[bytes / Records.Size];
        _recordsOfAPage = pageSize / Records.Size;
        _pagesOfAThread = bytes / pageSize / Threads;
        _ranks = new ZipfRanks(_pagesOfAThread * _recordsOfAPage);
        _operations = operations;
    }

    /// <summary>Records read so far.</summary>
    public long Reads => Interlocked.Read(ref _reads);

    /// <summary>Records written so far.</summary>
    public long Writes => Interlocked.Read(ref _writes);

    /// <summary>Records that were not as they were last written.</summary>
    public long Wrong => Interlocked.Read(ref _wrong);

    /// <summary>How much of the work is done.</summary>
    public double Share => (double)Reads / _operations;

    /// <summary>A length that the work can be done on: near to what was asked for.</summary>
    public static long RoundLength(ulong bytes)
    {
        ulong unit = (ulong)Environment.SystemPageSize * Threads;
        return (long)(Math.Max(1, bytes / unit) * unit);
    }

    /// <summary>Does it.</summary>
    public void Run(IRecordMemory memory, CancellationToken cancellation)
        => OnThreads(thread => Work(memory, thread, cancellation));

    /// <summary>Reads every record and compares it with what was last written.</summary>
    public long Verify(IRecordMemory memory, Action<double> progress, CancellationToken cancellation)
    {
        byte[] block = new byte[64 << 10];
        long wrong = 0;
        long bytes = (long)_versions.Length * Records.Size;
        for (long done = 0; done < bytes; done += block.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<byte> here = block.AsSpan(0, (int)Math.Min(block.Length, bytes - done));
            memory.Read(done, here);
            for (int at = 0; at < here.Length; at += Records.Size)
            {
                long index = (done + at) / Records.Size;
                wrong += Records.IsRight(here.Slice(at, Records.Size), index, _versions[index]) ? 0 : 1;
            }

            progress((double)(done + here.Length) / bytes);
        }

        return wrong;
    }

    private static void OnThreads(Action<int> work)
    {
        Exception? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(thread => new Thread(() =>
        {
            try
            {
                work(thread);
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref failure, exception, null);
            }
        }) { IsBackground = true })];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    private void Work(IRecordMemory memory, int thread, CancellationToken cancellation)
    {
        var random = new Random(thread + 1);
        Span<byte> record = stackalloc byte[Records.Size];
        int writes = 0;
        int wrong = 0;
        long share = _operations / Threads;
        for (long done = 1; done <= share; done++)
        {
            long index = IndexOf(_ranks.Next(random), thread);
            memory.Read(index * Records.Size, record);
            wrong += Records.IsRight(record, index, _versions[index]) ? 0 : 1;
            if (random.Next(10) < WritesOfTen)
            {
                Records.Fill(record, index, ++_versions[index]);
                memory.Write(index * Records.Size, record);
                writes++;
            }

            if (done % TellEvery == 0 || done == share)
            {
                cancellation.ThrowIfCancellationRequested();
                Interlocked.Add(ref _reads, done % TellEvery == 0 ? TellEvery : done % TellEvery);
                Interlocked.Add(ref _writes, writes);
                Interlocked.Add(ref _wrong, wrong);
                writes = 0;
                wrong = 0;
            }
        }
    }

    /// <summary>Frequent records share pages, as a program's do; the pages lie anywhere.</summary>
    private long IndexOf(long rank, int thread)
    {
        ulong page = (ulong)(rank / _recordsOfAPage) % (ulong)_pagesOfAThread * Scatter % (ulong)_pagesOfAThread;
        return ((((long)page * Threads) + thread) * _recordsOfAPage) + (rank % _recordsOfAPage);
    }
}
