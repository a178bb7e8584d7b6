namespace Uffd.Paging;

/// <summary>Who is told when a read has ended. Called on any thread; must be quick and not throw.</summary>
internal interface IFetchSink
{
    void Completed(Fetch fetch);
}

/// <summary>A run of claimed pages on its way from a source that takes its time.</summary>
internal sealed class Fetch
{
    public Fetch(RegionSlice slice, long firstPage, int pages, FillKind kind, IFetchSink sink)
    {
        Slice = slice;
        FirstPage = firstPage;
        Pages = pages;
        Kind = kind;
        Sink = sink;
    }

    public RegionSlice Slice { get; }

    /// <summary>The first page that is still to be installed.</summary>
    public long FirstPage { get; private set; }

    /// <summary>How many are.</summary>
    public int Pages { get; private set; }

    public FillKind Kind { get; }

    public IFetchSink Sink { get; }

    /// <summary>The page that a fault waits for, if one does.</summary>
    public long DemandPage { get; init; } = -1;

    /// <summary>How often its source has failed.</summary>
    public int Attempts { get; init; }

    /// <summary>When the fault was read that waits for it.</summary>
    public long FaultRead { get; init; }

    /// <summary>When its turn came, and the source was asked (<see cref="System.Diagnostics.Stopwatch"/>).</summary>
    public long ReadSince { get; set; }

    /// <summary>How long it might take, for whoever asks again in parts.</summary>
    public TimeSpan Patience { get; init; }

    /// <summary>Where the bytes are: of the first page that is still to be installed.</summary>
    public ulong Address { get; private set; }

    /// <summary>Why there are none, or null.</summary>
    public string? Error { get; private set; }

    public ulong Offset => Slice.SourceOffsetOf(FirstPage);

    public int Bytes => Pages << Slice.PageShift;

    /// <summary>Held from the start of the read until what it brought is installed.</summary>
    public FetchBuffer? Buffer { get; set; }

    /// <summary>Forgets the pages that are installed.</summary>
    public void Skip(int pages)
    {
        FirstPage += pages;
        Pages -= pages;
        Address += (ulong)pages << Slice.PageShift;
    }

    /// <summary>Tells its sink how the read has ended. Called once.</summary>
    public void Complete(string? error)
    {
        Error = error;
        Address = error is null ? Buffer!.Address : 0;
        Sink.Completed(this);
    }
}
