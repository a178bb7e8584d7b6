namespace Uffd.Snapshots;

/// <summary>
/// Which stretch of the file stands for which addresses. Holes cost nothing in a file, so places are given generously, and never moved: a later copy of
/// a page goes where the first one went.
/// </summary>
/// <param name="fileStart">Where the first area may begin.</param>
internal sealed class CoreAreas(ulong fileStart)
{
    /// <summary>What is set aside for pages that nobody had announced, so that what follows them lands behind them.</summary>
    public const ulong LookAhead = 16 << 20;

    /// <summary>The longest mapping that gets a place before it is written: what reserves more address space than this uses little of it.</summary>
    public const ulong LongestExpected = 1UL << 40;

    /// <summary>No places are given in advance behind this: file systems have limits (16 TiB for ext4).</summary>
    public const ulong FileLimit = 8UL << 40;

    /// <summary>No page of a process lies behind this.</summary>
    public const ulong AddressLimit = 0xffff_ffff_fff0_0000;

    private readonly List<CoreArea> _areas = []; // in order of address
    private int _last;
    private ulong _fileEnd = fileStart;

    /// <summary>All of them, in order of address.</summary>
    public IReadOnlyList<CoreArea> All => _areas;

    /// <summary>The area that holds an address, or null.</summary>
    public CoreArea? Find(ulong address)
    {
        if (_last < _areas.Count && Holds(_areas[_last], address))
        {
            return _areas[_last];
        }

        int index = IndexBehind(address) - 1;
        if (index < 0 || !Holds(_areas[index], address))
        {
            return null;
        }

        _last = index;
        return _areas[index];
    }

    /// <summary>The area that holds an address; one is made for it where there is none.</summary>
    /// <param name="address">The address.</param>
    /// <param name="length">How many bytes are wanted from it on.</param>
    public CoreArea FindOrAdd(ulong address, ulong length)
        => Find(address) ?? Add(address, Math.Min(Math.Max(length, LookAhead), RoomFrom(address)));

    /// <summary>Gives places to all of a range that has none yet.</summary>
    /// <returns>Whether all of it has one now.</returns>
    public bool Expect(AddressRange range)
    {
        if (range.Length > LongestExpected)
        {
            return false;
        }

        for (ulong address = range.Start; address < range.End;)
        {
            if (Find(address) is { } area)
            {
                address = area.End;
                continue;
            }

            ulong length = Math.Min(range.End - address, RoomFrom(address));
            if (_fileEnd + length > FileLimit)
            {
                return false;
            }

            Add(address, length);
            address += length;
        }

        return true;
    }

    /// <summary>The areas that have something in common with a range, in order.</summary>
    public IEnumerable<CoreArea> In(AddressRange range)
    {
        int first = IndexBehind(range.Start);
        if (first > 0 && _areas[first - 1].End > range.Start)
        {
            first--;
        }

        for (int index = first; index < _areas.Count && _areas[index].Start < range.End; index++)
        {
            yield return _areas[index];
        }
    }

    private static bool Holds(CoreArea area, ulong address) => address >= area.Start && address - area.Start < area.Length;

    /// <summary>How many bytes from an address on have no place.</summary>
    private ulong RoomFrom(ulong address)
    {
        int next = IndexBehind(address);
        return (next < _areas.Count ? _areas[next].Start : AddressLimit) - address;
    }

    private CoreArea Add(ulong address, ulong length)
    {
        int index = IndexBehind(address);
        if (index > 0 && _areas[index - 1] is { } before && before.End == address && before.FileEnd == _fileEnd)
        {
            before.Length += length; // it grows at the file's end, so it stays one piece
            _fileEnd += length;
            _last = index - 1;
            return before;
        }

        var area = new CoreArea(address, length, _fileEnd);
        _fileEnd += length;
        _areas.Insert(index, area);
        _last = index;
        return area;
    }

    /// <summary>The index of the first area that begins behind an address.</summary>
    private int IndexBehind(ulong address)
    {
        int low = 0;
        int high = _areas.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_areas[middle].Start <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
