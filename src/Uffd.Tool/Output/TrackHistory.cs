using Uffd.Processes;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>
/// What samples of dirty pages add up to: the pages written since the beginning (the working set, by mapping), and how much was written where and when, in
/// pieces of the address space of two megabytes.
/// </summary>
internal sealed class TrackHistory
{
    /// <summary>How many samples the map remembers.</summary>
    public const int Longest = 240;

    /// <summary>A mapping of which less than this share is in memory is drawn only where it was written: most of it is not there.</summary>
    private const ulong SparseShare = 4;

    private readonly List<Dictionary<ulong, ulong>> _columns = [];
    private List<AddressRange> _written = [];

    /// <summary>The sample that came last.</summary>
    public DirtySample? Latest { get; private set; }

    /// <summary>The time of all samples.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>How many samples there were.</summary>
    public int Count { get; private set; }

    /// <summary>Takes a sample.</summary>
    public void Add(DirtySample sample)
    {
        Latest = sample;
        Elapsed += sample.Interval;
        Count++;
        var column = new Dictionary<ulong, ulong>();
        foreach (AddressRange range in sample.Mappings.SelectMany(mapping => mapping.Written))
        {
            foreach ((ulong piece, ulong bytes) in TrackHeat.PiecesOf(range))
            {
                column[piece] = column.GetValueOrDefault(piece) + bytes;
            }
        }

        _columns.Add(column);
        if (_columns.Count > Longest)
        {
            _columns.RemoveAt(0);
        }

        _written = Union(Within(_written, [.. sample.Mappings.Select(mapping => mapping.Mapping.Range)]), [.. sample.Mappings.SelectMany(mapping => mapping.Written)]);
    }

    /// <summary>Bytes of the pages of a mapping that were written since the beginning.</summary>
    public ulong WorkingSetOf(MappedRegion mapping)
    {
        ulong bytes = 0;
        for (int index = FirstBehind(_written, mapping.Range.Start); index < _written.Count && _written[index].Start < mapping.Range.End; index++)
        {
            bytes += _written[index].Intersect(mapping.Range).Length;
        }

        return bytes;
    }

    /// <summary>The map of the last samples over the address space as it is now.</summary>
    /// <param name="rows">Equal parts of the address space, at most.</param>
    /// <param name="columns">The last samples, at most.</param>
    public TrackHeat Heat(int rows, int columns)
    {
        var pieces = new SortedDictionary<ulong, ulong>();
        AddressRange[] touched = [.. _columns.SelectMany(column => column.Keys).Distinct().Order().Select(TrackHeat.RangeOf)];
        foreach (DirtyMapping mapping in Latest?.Mappings ?? [])
        {
            bool sparse = mapping.ResidentBytes < mapping.Mapping.Range.Length / SparseShare;
            foreach ((ulong piece, ulong bytes) in sparse ? TouchedOf(touched, mapping.Mapping.Range) : TrackHeat.PiecesOf(mapping.Mapping.Range))
            {
                pieces[piece] = pieces.GetValueOrDefault(piece) + bytes;
            }
        }

        return TrackHeat.Of(pieces, [.. _columns.TakeLast(Math.Max(1, columns))], rows);
    }

    private static IEnumerable<(ulong Piece, ulong Bytes)> TouchedOf(AddressRange[] touched, AddressRange mapping)
    {
        for (int index = FirstBehind(touched, mapping.Start); index < touched.Length && touched[index].Start < mapping.End; index++)
        {
            yield return (touched[index].Start / TrackHeat.Piece, touched[index].Intersect(mapping).Length);
        }
    }

    private static List<AddressRange> Within(List<AddressRange> ranges, AddressRange[] bounds)
    {
        var kept = new List<AddressRange>(ranges.Count);
        int bound = 0;
        foreach (AddressRange range in ranges)
        {
            while (bound < bounds.Length && bounds[bound].End <= range.Start)
            {
                bound++;
            }

            for (int at = bound; at < bounds.Length && bounds[at].Start < range.End; at++)
            {
                kept.Add(range.Intersect(bounds[at]));
            }
        }

        return kept;
    }

    private static List<AddressRange> Union(List<AddressRange> first, AddressRange[] second)
    {
        var union = new List<AddressRange>(first.Count);
        int left = 0;
        int right = 0;
        while (left < first.Count || right < second.Length)
        {
            AddressRange next = right >= second.Length || (left < first.Count && first[left].Start <= second[right].Start) ? first[left++] : second[right++];
            if (union.Count > 0 && union[^1].End >= next.Start)
            {
                union[^1] = AddressRange.FromBounds(union[^1].Start, Math.Max(union[^1].End, next.End));
            }
            else if (!next.IsEmpty)
            {
                union.Add(next);
            }
        }

        return union;
    }

    private static int FirstBehind(IReadOnlyList<AddressRange> ranges, ulong address)
    {
        int low = 0;
        int high = ranges.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = ranges[middle].End <= address ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
