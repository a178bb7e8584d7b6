namespace Uffd.Migration.Tests.Support;

/// <summary>What a <see cref="TestLanding"/> does wrong, to show that the checks find it.</summary>
internal enum Sabotage
{
    None,

    /// <summary>Pages are not kept.</summary>
    LosePages,

    /// <summary>Zeros are kept.</summary>
    ZeroPages,

    /// <summary>What came first is kept.</summary>
    StalePages,

    /// <summary>A good page is made a lost one.</summary>
    PoisonPages,
}

/// <summary>How far a page of a <see cref="TestLanding"/> is.</summary>
internal enum LandedPage : byte
{
    Here,
    Missing,
    Poisoned,

    /// <summary>It was at the source when that was given up.</summary>
    GivenUp,
}

/// <summary>A region that arrives: an array, and after the switch threads that fetch what is missing in a random order, as faults and a background would.</summary>
internal sealed class TestLanding : IMigrationLanding
{
    private const int PageBytes = TestMemory.PageBytes;

    private readonly byte[] _bytes;
    private readonly LandedPage[] _pages;
    private readonly int[] _busy;
    private readonly bool[] _came;
    private readonly Violations _violations;
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _writes;
    private int _missing;
    private int _isSwitched;
    private int _isDisposed;
    private IReadOnlyList<PageFetcher> _fetchers = [];

    public TestLanding(MigrationRegion region, Violations violations)
    {
        Region = region;
        _violations = violations;
        int pages = (int)(region.Length / PageBytes);
        _bytes = new byte[region.Length];
        _pages = new LandedPage[pages];
        _busy = new int[pages];
        _came = new bool[pages];
    }

    public MigrationRegion Region { get; }

    public Sabotage Sabotage { get; init; }

    /// <summary>How many threads fetch.</summary>
    public int Fetchers { get; init; } = 2;

    /// <summary>Where the order of fetching begins.</summary>
    public int Seed { get; init; }

    /// <summary>The write that fails; 0 for none.</summary>
    public int FailingWrite { get; init; }

    public bool RefusesSwitch { get; init; }

    /// <summary>Asked when a read fails: whether somebody said that the source is gone.</summary>
    public Func<bool> IsGivenUp { get; init; } = static () => false;

    /// <summary>Told of each write, before it.</summary>
    public Action? OnWrite { get; init; }

    public Task Completed => _completed.Task;

    public bool IsSwitched => Volatile.Read(ref _isSwitched) != 0;

    public bool IsDisposed => Volatile.Read(ref _isDisposed) != 0;

    public int Missing => Volatile.Read(ref _missing);

    public void Write(ulong offset, ReadOnlySpan<byte> pages)
    {
        OnWrite?.Invoke();
        if (!Enter(offset, (ulong)pages.Length, "written"))
        {
            return;
        }

        bool fails = Interlocked.Increment(ref _writes) == FailingWrite;
        int first = (int)(offset / PageBytes);
        for (int index = 0; index < pages.Length / PageBytes; index++)
        {
            Keep(first + index, pages.Slice(index * PageBytes, PageBytes));
        }

        Leave(offset, (ulong)pages.Length);
        if (fails)
        {
            throw new IOException("the landing has no room left");
        }
    }

    public void Clear(ulong offset, ulong length)
    {
        if (Enter(offset, length, "cleared"))
        {
            for (ulong at = offset; at < offset + length; at += PageBytes)
            {
                Keep((int)(at / PageBytes), default);
            }

            Leave(offset, length);
        }
    }

    public void Switch(IMigratedPages pages)
    {
        if (Interlocked.Exchange(ref _isSwitched, 1) != 0 || IsDisposed)
        {
            _violations.Add($"region {Region.Index} was switched twice, or after its end");
        }

        if (RefusesSwitch)
        {
            throw new IOException("the landing cannot switch");
        }

        List<int> missing = LandingSwitch.Read(pages, _pages, _violations, Region.Index);
        foreach (int page in missing)
        {
            _bytes.AsSpan(page * PageBytes, PageBytes).Fill(0xDE); // what came before does not count
        }

        _missing = missing.Count;
        if (pages.MissingBytes != (ulong)missing.Count * PageBytes && !IsGivenUp())
        {
            _violations.Add($"region {Region.Index} misses {missing.Count} pages, and {pages.MissingBytes} bytes are told");
        }

        if (missing.Count == 0)
        {
            _completed.TrySetResult();
            return;
        }

        var left = new MissingPages(missing, new Random(Seed));
        _fetchers = [.. Enumerable.Range(0, Fetchers).Select(index => new PageFetcher(this, pages, left, new Random(Seed + index), _violations))];
    }

    /// <summary>Takes in what a fetcher brought.</summary>
    public void Fetched(int page, ReadOnlySpan<byte> content)
    {
        Keep(page, content);
        Settle(page, LandedPage.Here);
    }

    /// <summary>Says how a missing page ended.</summary>
    public void Settle(int page, LandedPage state)
    {
        _pages[page] = state;
        if (Interlocked.Decrement(ref _missing) == 0)
        {
            _completed.TrySetResult();
        }
    }

    /// <summary>The first page that is not what it must be, or null.</summary>
    /// <param name="image">What the region was at the source when its workload stood.</param>
    /// <param name="mayBeGivenUp">Whether pages may have been lost with the source.</param>
    public string? FindDifference(MemoryImage image, bool mayBeGivenUp)
    {
        for (int page = 0; page < _pages.Length; page++)
        {
            bool isPoisoned = _pages[page] == LandedPage.Poisoned;
            if (_pages[page] == LandedPage.GivenUp && mayBeGivenUp)
            {
                continue;
            }

            if (_pages[page] is LandedPage.Missing or LandedPage.GivenUp || isPoisoned != image.IsLost(page))
            {
                return $"page {page} of region {Region.Index} is {_pages[page]}, and {image.Kinds[page]} at the source";
            }

            ReadOnlySpan<byte> here = _bytes.AsSpan(page * PageBytes, PageBytes);
            int at = here.CommonPrefixLength(image.Bytes.AsSpan(page * PageBytes, PageBytes));
            if (!isPoisoned && at != PageBytes)
            {
                return $"page {page} of region {Region.Index} ({image.Kinds[page]} at the source) is another from byte {at} on{(here.ContainsAnyExcept((byte)0) ? "" : ": zeros")}";
            }
        }

        return null;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            _violations.Add($"region {Region.Index} was disposed twice");
        }

        foreach (PageFetcher fetcher in _fetchers)
        {
            fetcher.Dispose();
        }

        _completed.TrySetException(new IOException("the landing ended"));
        _ = _completed.Task.Exception; // nobody may look
    }

    private void Keep(int page, ReadOnlySpan<byte> content)
    {
        Span<byte> place = _bytes.AsSpan(page * PageBytes, PageBytes);
        bool isFirst = !_came[page];
        _came[page] = true;
        if (Sabotage == Sabotage.PoisonPages && page % 5 == 2)
        {
            _pages[page] = LandedPage.Poisoned;
        }

        if ((Sabotage == Sabotage.StalePages && !isFirst) || (Sabotage == Sabotage.LosePages && page % 5 == 2))
        {
            return;
        }

        if (content.IsEmpty || (Sabotage == Sabotage.ZeroPages && page % 5 == 2))
        {
            place.Clear();
        }
        else
        {
            content.CopyTo(place);
        }
    }

    private bool Enter(ulong offset, ulong length, string what)
    {
        if (IsSwitched || IsDisposed || offset % PageBytes != 0 || length % PageBytes != 0 || length == 0 || offset > Region.Length || length > Region.Length - offset)
        {
            _violations.Add($"{length} bytes at {offset} of region {Region.Index} of {Region.Length} were {what}{(IsSwitched ? " after the switch" : "")}{(IsDisposed ? " after the end" : "")}");
            return false;
        }

        for (ulong at = offset; at < offset + length; at += PageBytes)
        {
            if (Interlocked.Exchange(ref _busy[at / PageBytes], 1) != 0)
            {
                _violations.Add($"page {at / PageBytes} of region {Region.Index} was {what} by two at once");
            }
        }

        return true;
    }

    private void Leave(ulong offset, ulong length)
    {
        for (ulong at = offset; at < offset + length; at += PageBytes)
        {
            Volatile.Write(ref _busy[at / PageBytes], 0);
        }
    }
}
