using System.Diagnostics;
using Uffd.Interop;

namespace Uffd.Diagnostics;

/// <summary>
/// Real paging within this process. The thread that touches the pages does so in a native memcpy: a managed thread that waits
/// for a page in managed code would stop every garbage collection, and with it this handler.
/// </summary>
internal sealed unsafe class PagingTrial : IDisposable
{
    private const int Pages = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ulong _pageSize = (ulong)Environment.SystemPageSize;
    private readonly double[] _microseconds = new double[Pages];
    private readonly Userfaultfd _userfaultfd;
    private readonly MemoryMapping _paged;
    private readonly MemoryMapping _source;
    private readonly MemoryMapping _seen;
    private bool _abandoned;

    public PagingTrial(Userfaultfd userfaultfd)
    {
        _userfaultfd = userfaultfd;
        _paged = MemoryMapping.CreateAnonymous(Pages * _pageSize);
        _source = MemoryMapping.CreateAnonymous(Pages * _pageSize);
        _seen = MemoryMapping.CreateAnonymous(Pages * _pageSize);
    }

    /// <summary>How many pages were copied into place.</summary>
    public int Resolved { get; private set; }

    /// <summary>The median without the first page, which pays for warming everything up.</summary>
    public double MedianMicroseconds
    {
        get
        {
            double[] sorted = _microseconds[1..];
            Array.Sort(sorted);
            return sorted[sorted.Length / 2];
        }
    }

    /// <summary>Runs it, once.</summary>
    /// <returns>Null, or what went wrong.</returns>
    /// <exception cref="UffdException">It could not begin.</exception>
    public string? Run()
    {
        new Random(Seed: 1).NextBytes(_source.AsSpan());
        _seen.AsSpan().Clear(); // present before the clock runs
        _userfaultfd.Register(_paged.Range, UffdRegisterModes.Missing);
        _paged.Advise(MemoryAdvice.DontNeed); // a huge page from before the registration would hide every fault

        var toucher = new Thread(Touch) { IsBackground = true, Name = "uffd self test" };
        toucher.Start();
        string? failure;
        try
        {
            failure = Serve();
        }
        catch (UffdException exception)
        {
            failure = exception.Message;
        }

        // The thread may still wait: let it go on, over zeros, and see it end before anything is unmapped under it.
        _ = _userfaultfd.Unregister(_paged.Range);
        _abandoned = !toucher.Join(Patience);
        return failure ?? (_abandoned ? "a page was resolved, and the thread that waited for it did not go on" : Compare());
    }

    /// <summary>Unmaps, unless a thread still uses the memory: then it stays until the process ends.</summary>
    public void Dispose()
    {
        if (!_abandoned)
        {
            _paged.Dispose();
            _source.Dispose();
            _seen.Dispose();
        }
    }

    private void Touch()
    {
        for (int page = 0; page < Pages; page++)
        {
            ulong offset = (ulong)page * _pageSize;
            long start = Stopwatch.GetTimestamp();
            LibC.MemCpy((void*)(_seen.Address + offset), (void*)(_paged.Address + offset), (nuint)_pageSize); // inside both mappings, unmapped only after this thread
            _microseconds[page] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
    }

    private string? Serve()
    {
        using var reader = new UffdEventReader(_userfaultfd);
        using var poller = new EventPoller();
        poller.Add(_userfaultfd.Handle, token: 0);
        Span<PollResult> ready = stackalloc PollResult[1];
        long start = Stopwatch.GetTimestamp();
        string? failure = null;
        while (failure is null && Resolved < Pages)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                return $"a thread touched missing memory and no fault was delivered ({Resolved} of {Pages} pages)";
            }

            poller.Wait(ready, TimeSpan.FromMilliseconds(100));
            int count = reader.Read();
            for (int index = 0; index < count && failure is null; index++)
            {
                failure = reader[index].Kind == UffdEventKind.PageFault
                    ? Resolve(reader[index].PageFault.Address)
                    : $"an event came that nobody asked for: {reader[index]}";
            }
        }

        return failure;
    }

    private string? Resolve(ulong address)
    {
        var page = new AddressRange(address & ~(_pageSize - 1), _pageSize);
        if (!_paged.Range.Contains(page))
        {
            return $"a fault came for {page}, which is not registered";
        }

        UffdResult result;
        do
        {
            result = _userfaultfd.Copy(page, _source.Address + (page.Start - _paged.Address));
        }
        while (result.ShouldRetry);

        switch (result.Errno)
        {
            case Errno.None:
                Resolved++;
                return null;
            case Errno.EEXIST: // told twice: a signal made the thread fault again
                _ = _userfaultfd.Wake(page);
                return null;
            default:
                return $"Copy of a page: {UffdException.Describe(result.Errno)}";
        }
    }

    private string? Compare()
        => _seen.AsSpan().SequenceEqual(_source.AsSpan()) ? null : "a page arrived with other content than was copied into it";
}
