namespace Uffd.Snapshots;

/// <summary>Tells the runs of an image's pages from its index.</summary>
internal sealed class ImageRuns(PageIndex index, RegionTable regions, ulong pageSize)
{
    /// <summary>The runs of a range, in order, no two neighbours of one kind.</summary>
    /// <param name="range">Whole pages.</param>
    public IEnumerable<SnapshotRun> In(AddressRange range) => Merge(Pieces(range));

    /// <summary>Runs that may have neighbours of the same kind.</summary>
    private IEnumerable<SnapshotRun> Pieces(AddressRange range)
    {
        ulong address = range.Start;
        while (address < range.End)
        {
            SnapshotRegion? region = regions.FirstEndingAfter(address);
            ulong start = Math.Min(region?.Mapping.Range.Start ?? range.End, range.End);
            if (start > address)
            {
                yield return new SnapshotRun(AddressRange.FromBounds(address, start), SnapshotPageKind.Absent);
                address = start;
            }

            if (region is null || address == range.End)
            {
                continue;
            }

            var part = AddressRange.FromBounds(address, Math.Min(region.Mapping.Range.End, range.End));
            if (region.Content == RegionContent.None)
            {
                yield return new SnapshotRun(part, SnapshotPageKind.Absent);
            }
            else
            {
                foreach (SnapshotRun run in Pieces(region, part))
                {
                    yield return run;
                }
            }

            address = part.End;
        }
    }

    private IEnumerable<SnapshotRun> Pieces(SnapshotRegion region, AddressRange range)
    {
        SnapshotPageKind otherwise = region.Content == RegionContent.Whole ? SnapshotPageKind.Zero : SnapshotPageKind.File;
        ulong leafBytes = pageSize * ImageFormat.LeafPages;
        ulong address = range.Start;
        while (address < range.End)
        {
            IndexNode? leaf = index.FindLeaf(address / leafBytes, out ulong next);
            ulong behind = leaf is null ? next : (address / leafBytes) + 1;
            ulong end = behind > range.End / leafBytes ? range.End : Math.Min(range.End, behind * leafBytes);
            while (leaf is not null && address < end)
            {
                SnapshotPageKind kind = KindOf(leaf, address, otherwise);
                ulong until = address + pageSize;
                while (until < end && KindOf(leaf, until, otherwise) == kind)
                {
                    until += pageSize;
                }

                yield return new SnapshotRun(AddressRange.FromBounds(address, until), kind);
                address = until;
            }

            if (address < end)
            {
                yield return new SnapshotRun(AddressRange.FromBounds(address, end), otherwise);
                address = end;
            }
        }
    }

    private SnapshotPageKind KindOf(IndexNode leaf, ulong address, SnapshotPageKind otherwise) => leaf.Kind((int)(address / pageSize % ImageFormat.LeafPages)) switch
    {
        PageKind.Stored => SnapshotPageKind.Stored,
        PageKind.Parent => SnapshotPageKind.Parent,
        PageKind.Zero => SnapshotPageKind.Zero,
        _ => otherwise,
    };

    private static IEnumerable<SnapshotRun> Merge(IEnumerable<SnapshotRun> pieces)
    {
        SnapshotRun? pending = null;
        foreach (SnapshotRun piece in pieces)
        {
            if (pending is { } before && before.Kind == piece.Kind && before.Range.End == piece.Range.Start)
            {
                pending = before with { Range = AddressRange.FromBounds(before.Range.Start, piece.Range.End) };
                continue;
            }

            if (pending is { } done)
            {
                yield return done;
            }

            pending = piece;
        }

        if (pending is { } last)
        {
            yield return last;
        }
    }
}
