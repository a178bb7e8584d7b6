namespace Uffd.Paging;

/// <summary>
/// Remembers which pages of an image were touched, in the order of their first touches, by any number of address spaces at once:
/// give it to each of them (<see cref="AddressSpaceOptions.Recorder"/>). A touch is a page fault: pages that are there before
/// anybody touches them are not seen, so record without the background fill.
/// </summary>
/// <remarks>
/// A page costs a bit, in pieces of 4 KiB that are made when the first page of 128 MiB is touched, and 16 bytes for each run of
/// pages that were touched one after the other. All members may be called from several threads.
/// </remarks>
public sealed class WorkingSetRecorder
{
    private const ulong PageSize = 4096; // of all sets, so that they fit every system's memory
    private const int PageShift = 12;
    private const int PieceShift = 15;   // pages of a piece of the bitmap
    private const int BlockRuns = 4096;  // 64 KiB: growing neither copies nor reaches the large objects

    private readonly IPageSource _image;
    private readonly int _maxRuns;
    private readonly ulong _pages;
    private readonly ulong[]?[] _touched;
    private readonly List<SourceRange[]> _blocks = [];
    private readonly Lock _appending = new();
    private int _runs;
    private long _recorded;
    private long _lost;

    /// <summary>Creates a recorder that has seen nothing.</summary>
    /// <param name="image">The source whose touches count; those of other sources do not. Not owned.</param>
    /// <param name="maxRuns">The most runs to remember. Touches that would make more are only counted: <see cref="LostPages"/>.</param>
    public WorkingSetRecorder(IPageSource image, int maxRuns = WorkingSet.MaxRuns)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRuns);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxRuns, WorkingSet.MaxRuns);
        _image = image;
        _maxRuns = maxRuns;
        _pages = image.Length == 0 ? 0 : ((image.Length - 1) >> PageShift) + 1;
        _touched = new ulong[]?[((_pages + (1UL << PieceShift) - 1) >> PieceShift)];
    }

    /// <summary>How many pages of 4096 bytes were recorded so far.</summary>
    public long Pages => Volatile.Read(ref _recorded);

    /// <summary>How many were touched and not recorded, because there were too many runs.</summary>
    public long LostPages => Volatile.Read(ref _lost);

    /// <summary>Records a touch, unless it is of another source or its pages were touched before.</summary>
    /// <param name="source">Whose bytes they are.</param>
    /// <param name="offset">Where the touched page begins, in bytes.</param>
    /// <param name="length">Its size in bytes, at most 1 GiB.</param>
    public void Record(IPageSource source, ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, 1UL << 30);
        ulong page = offset >> PageShift;
        if (!ReferenceEquals(source, _image) || page >= _pages)
        {
            return;
        }

        // A page of the memory may be many of the set's, and reach beyond the image.
        for (ulong end = page + Math.Min((length + PageSize - 1) >> PageShift, _pages - page); page < end; page++)
        {
            if (TryMark(page))
            {
                Append(page << PageShift);
            }
        }
    }

    /// <summary>What was recorded so far.</summary>
    public WorkingSet ToWorkingSet()
    {
        lock (_appending)
        {
            var runs = new SourceRange[_runs];
            for (int index = 0; index < _runs; index += BlockRuns)
            {
                _blocks[index / BlockRuns].AsSpan(0, Math.Min(BlockRuns, _runs - index)).CopyTo(runs.AsSpan(index));
            }

            return WorkingSet.Trusted(runs, PageSize, _image.Length);
        }
    }

    /// <returns>Whether this was the first touch.</returns>
    private bool TryMark(ulong page)
    {
        ref ulong[]? piece = ref _touched[page >> PieceShift];
        ulong[] words = Volatile.Read(ref piece) ?? AddPiece(ref piece);
        ref ulong word = ref words[(page & ((1UL << PieceShift) - 1)) >> 6];
        ulong bit = 1UL << (int)(page & 63);
        return (Volatile.Read(ref word) & bit) == 0 && (Interlocked.Or(ref word, bit) & bit) == 0;
    }

    private static ulong[] AddPiece(ref ulong[]? piece)
    {
        var made = new ulong[1 << (PieceShift - 6)];
        return Interlocked.CompareExchange(ref piece, made, null) ?? made;
    }

    private void Append(ulong offset)
    {
        lock (_appending)
        {
            if (_runs > 0 && Last().End == offset)
            {
                ref SourceRange last = ref Last();
                last = last with { Length = last.Length + PageSize };
            }
            else if (_runs == _maxRuns)
            {
                _lost++;
                return;
            }
            else
            {
                if (_runs % BlockRuns == 0)
                {
                    _blocks.Add(new SourceRange[BlockRuns]);
                }

                _runs++;
                Last() = new SourceRange(offset, PageSize);
            }

            _recorded++;
        }
    }

    private ref SourceRange Last() => ref _blocks[(_runs - 1) / BlockRuns][(_runs - 1) % BlockRuns];
}
