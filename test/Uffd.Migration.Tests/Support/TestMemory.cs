using Uffd.Paging;

namespace Uffd.Migration.Tests.Support;

/// <summary>What a page of a <see cref="TestMemory"/> is.</summary>
internal enum PageKind : byte
{
    Data,
    Hole,
    Zero,

    /// <summary>Known to be lost.</summary>
    Poisoned,

    /// <summary>Nobody knows before it is read.</summary>
    Failing,
}

/// <summary>A region as it was when its workload stood.</summary>
/// <param name="Bytes">The content.</param>
/// <param name="Kinds">By page.</param>
internal sealed record MemoryImage(byte[] Bytes, PageKind[] Kinds)
{
    public bool IsLost(int page) => Kinds[page] is PageKind.Poisoned or PageKind.Failing;
}

/// <summary>
/// An array that a workload writes to while it is moved. Which pages were written is told exactly: a page counts when its write has ended, so that nothing is told too early, and
/// whoever reads meanwhile gets some of both.
/// </summary>
internal sealed class TestMemory : IMigrationMemory
{
    public const int PageBytes = 4096;

    private readonly byte[] _bytes;
    private readonly PageKind[] _kinds;
    private readonly int[] _written;
    private readonly Violations _violations;
    private readonly int _runPages;
    private int _isTracked;
    private int _isTaken;
    private int _reads;

    /// <summary>Makes one.</summary>
    /// <param name="pages">How many pages.</param>
    /// <param name="violations">Told of what must not be.</param>
    /// <param name="runPages">The most pages that <see cref="GetRun"/> tells of at once.</param>
    public TestMemory(int pages, Violations violations, int runPages = int.MaxValue)
    {
        _bytes = new byte[pages * PageBytes];
        _kinds = new PageKind[pages];
        _written = new int[pages];
        _violations = violations;
        _runPages = runPages;
    }

    public ulong Length => (ulong)_bytes.Length;

    public int Concurrency { get; init; }

    public int PageCount => _kinds.Length;

    public bool IsTracked => Volatile.Read(ref _isTracked) != 0;

    /// <summary>Told of each read, before it, with its number.</summary>
    public Action<int>? OnRead { get; set; }

    public PageKind KindOf(int page) => _kinds[page];

    /// <summary>Changes a page, as its workload; one at a time.</summary>
    /// <param name="page">Which.</param>
    /// <param name="kind">What it is then.</param>
    /// <param name="change">Given the page's bytes.</param>
    public void Change(int page, PageKind kind, Action<Span<byte>> change)
    {
        change(_bytes.AsSpan(page * PageBytes, PageBytes));
        _kinds[page] = kind;
        Interlocked.Exchange(ref _written[page], 1); // a fence: what was written is seen by whoever takes it
    }

    /// <summary>The content, while nobody writes.</summary>
    public MemoryImage Capture() => new([.. _bytes], [.. _kinds]);

    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (!IsInside(offset, length))
        {
            return new SourceRun(length, SourceRunKind.Data);
        }

        int first = (int)(offset / PageBytes);
        int end = first + (int)Math.Min(length / PageBytes, (ulong)_runPages);
        SourceRunKind kind = Told(_kinds[first]);
        int page = first + 1;
        while (page < end && Told(_kinds[page]) == kind)
        {
            page++;
        }

        return new SourceRun((ulong)(page - first) * PageBytes, kind);
    }

    public void Read(ulong offset, Span<byte> destination)
    {
        OnRead?.Invoke(Interlocked.Increment(ref _reads));
        if (!IsInside(offset, (ulong)destination.Length))
        {
            throw new IOException("read outside of the memory");
        }

        for (int done = 0; done < destination.Length; done += PageBytes)
        {
            int at = (int)offset + done;
            if (_kinds[at / PageBytes] is PageKind.Poisoned or PageKind.Failing)
            {
                throw new IOException($"page {at / PageBytes} cannot be read"); // the pages before are filled already
            }

            int half = PageBytes / 2;
            _bytes.AsSpan(at, half).CopyTo(destination[done..]);
            if (at / PageBytes % 3 == 0)
            {
                Thread.Yield(); // torn, if somebody writes
            }

            _bytes.AsSpan(at + half, half).CopyTo(destination[(done + half)..]);
        }
    }

    public void StartTracking()
    {
        if (Interlocked.Exchange(ref _isTracked, 1) != 0)
        {
            _violations.Add("tracking was started twice");
        }

        Array.Clear(_written);
    }

    public void TakeWritten(ICollection<SourceRange> written)
    {
        if (Interlocked.Exchange(ref _isTaken, 1) != 0 || !IsTracked)
        {
            _violations.Add("written pages were taken by two at once, or without tracking");
        }

        for (int page = 0; page < _written.Length; page++)
        {
            int first = page;
            while (page < _written.Length && Interlocked.Exchange(ref _written[page], 0) != 0)
            {
                page++;
            }

            if (page > first)
            {
                written.Add(new SourceRange((ulong)first * PageBytes, (ulong)(page - first) * PageBytes));
            }
        }

        Volatile.Write(ref _isTaken, 0);
    }

    public void StopTracking() => Interlocked.Exchange(ref _isTracked, 0);

    public void Dispose() => _violations.Add("the memory was disposed by somebody who does not own it");

    private static SourceRunKind Told(PageKind kind) => kind switch
    {
        PageKind.Hole => SourceRunKind.Hole,
        PageKind.Zero => SourceRunKind.Zero,
        PageKind.Poisoned => SourceRunKind.Poisoned,
        _ => SourceRunKind.Data,
    };

    private bool IsInside(ulong offset, ulong length)
    {
        if (offset % PageBytes == 0 && length % PageBytes == 0 && length > 0 && offset <= Length && length <= Length - offset)
        {
            return true;
        }

        _violations.Add($"read of {length} bytes at {offset} of a memory of {Length}");
        return false;
    }
}
