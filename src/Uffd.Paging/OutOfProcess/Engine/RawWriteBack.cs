using System.Diagnostics;

namespace Uffd.Paging;

/// <summary>
/// Saves dirty pages, in batches in order of offset. A page is protected first, then read and written: a write meanwhile is told and makes
/// it dirty again. One batch at a time, whoever makes it, so that no page is written twice at once.
/// </summary>
internal sealed class RawWriteBack : IDisposable
{
    /// <summary>The most pages of one batch and one write.</summary>
    public const int BatchPages = 256;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly RawRegion _region;
    private readonly Lock _turn = new(); // held during input and output; taken before the pages' gate
    private readonly FetchBuffer _buffer = new(BatchPages * Environment.SystemPageSize);
    private readonly List<long> _found = new(BatchPages);
    private int _failures;
    private long _nextTry;

    public RawWriteBack(RawRegion region) => _region = region;

    /// <summary>Whether the store takes no writes at the moment.</summary>
    public bool IsFailing => Volatile.Read(ref _failures) > 0;

    /// <summary>While the store takes no writes: whether it is too early to ask again.</summary>
    public bool ShouldWait => IsFailing && Stopwatch.GetTimestamp() < Volatile.Read(ref _nextTry);

    /// <summary>Saves pages that are dirty; others among them are passed over.</summary>
    /// <param name="pages">In order.</param>
    /// <returns>False when the store failed. What was not saved is dirty still.</returns>
    public bool TrySave(List<long> pages)
    {
        lock (_turn)
        {
            return TrySaveBatch(pages, out _);
        }
    }

    /// <summary>Saves what was dirty when it was called, and makes it durable.</summary>
    /// <exception cref="IOException">The store failed: what was not saved is kept, and stays dirty.</exception>
    public void Flush()
    {
        for (long next = 0; next < _region.Pages.Count;)
        {
            lock (_turn)
            {
                _found.Clear();
                lock (_region.Pages.Gate)
                {
                    _region.Pages.FindDirty(ref next, _found, BatchPages); // nobody else is writing: each dirty page is found
                }

                if (_found.Count > 0 && !TrySaveBatch(_found, out Exception? failure))
                {
                    throw new IOException($"pages cannot be written, and are kept: {failure!.Message}", failure);
                }
            }
        }

        try
        {
            _region.Store.Flush();
        }
        catch (Exception exception) when (exception is not IOException) // a store may be anyone's code
        {
            throw new IOException($"what was written cannot be made durable: {exception.Message}", exception);
        }
    }

    public void Dispose() => _buffer.Free();

    private bool TrySaveBatch(List<long> pages, out Exception? failure)
    {
        failure = null;
        for (int from = 0; from < pages.Count;)
        {
            int end = from + 1;
            while (end < pages.Count && pages[end] == pages[end - 1] + 1 && end - from < BatchPages)
            {
                end++;
            }

            if (!TrySaveRun(pages[from], end - from, out failure))
            {
                return false;
            }

            from = end;
        }

        return true;
    }

    private bool TrySaveRun(long first, int count, out Exception? failure)
    {
        failure = null;
        lock (_region.Pages.Gate)
        {
            int dirty = 0;
            while (dirty < count && _region.Pages[first + dirty] == RawPageState.Dirty)
            {
                dirty++;
            }

            if (dirty < count)
            {
                count = dirty; // not ours to save any more: the caller has old knowledge
            }

            if (count == 0)
            {
                return true;
            }

            _region.Memory.Protect(first, count);
            Change(first, count, RawPageState.Writing, RawPageState.Writing);
        }

        try
        {
            Write(first, count);
        }
        catch (Exception exception) // a store may be anyone's code
        {
            failure = exception;
        }

        lock (_region.Pages.Gate)
        {
            Change(first, count, failure is null ? RawPageState.Clean : RawPageState.Dirty, RawPageState.Dirty);
        }

        Report(failure, count);
        return failure is null;
    }

    private void Change(long first, int count, RawPageState state, RawPageState ifRewritten)
    {
        for (long page = first; page < first + count; page++)
        {
            _region.Pages[page] = _region.Pages[page] == RawPageState.Rewritten ? ifRewritten : state;
        }
    }

    private void Write(long first, int count)
    {
        Span<byte> bytes = _buffer.GetSpan()[..(count * (int)RawMemory.PageSize)];
        _region.Memory.Read(first, bytes);
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                _region.Store.Write((ulong)first * RawMemory.PageSize, bytes);
                return;
            }
            catch (IOException) when (attempt < _region.Settings.Retries && !IsFailing && !_region.Stopping.IsCancellationRequested)
            {
                RawCounters.Add(ref _region.Counters.WriteFailures);
                _region.Stopping.WaitHandle.WaitOne(FirstPause * Math.Pow(2, Math.Min(attempt, 7)));
            }
        }
    }

    private void Report(Exception? failure, int count)
    {
        if (failure is null)
        {
            RawCounters.Add(ref _region.Counters.WrittenPages, count);
            if (Interlocked.Exchange(ref _failures, 0) > 0)
            {
                SetAllowance(0);
                _region.Notify(RawNoticeKind.WritesAgain, "pages can be written again");
            }

            return;
        }

        RawCounters.Add(ref _region.Counters.WriteFailures);
        TimeSpan pause = FirstPause * Math.Pow(2, Math.Min(_failures, 9));
        Volatile.Write(ref _nextTry, Stopwatch.GetTimestamp() + (long)((pause < LongestPause ? pause : LongestPause).TotalSeconds * Stopwatch.Frequency));
        if (Interlocked.Increment(ref _failures) == 1)
        {
            SetAllowance((long)(_region.Settings.UnsavedBytes / RawMemory.PageSize));
            _region.Notify(RawNoticeKind.WriteFailed, $"pages cannot be written, and are kept: {failure.Message}");
        }
    }

    private void SetAllowance(long pages)
    {
        lock (_region.Pages.Gate)
        {
            _region.Pages.Allowance = pages;
        }
    }
}
