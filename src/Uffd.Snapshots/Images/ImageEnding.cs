using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>Writes what stands behind an image's blocks, the state and the index, and in the end the header.</summary>
internal sealed class ImageEnding(PendingFile file, WrittenPages pages, BlockTable blocks, int pageSize)
{
    private readonly PageKind[] _kinds = new PageKind[ImageFormat.LeafPages];
    private readonly PageRecord[] _records = new PageRecord[ImageFormat.LeafPages];
    private readonly WrittenPage[] _leaf = new WrittenPage[ImageFormat.LeafPages];
    private ulong _storedPages;
    private ulong _parentPages;

    public required UInt128 Identity { get; init; }

    public required UInt128 ParentIdentity { get; init; }

    public required string ParentPath { get; init; }

    /// <summary>Writes all of it.</summary>
    /// <returns>The file's length.</returns>
    public ulong Write(ProcessState state, CompressorPool? compressors)
    {
        var encoder = new StateEncoder();
        StateFormat.Encode(encoder, state, ParentPath);
        ulong stateOffset = blocks.End;
        byte[] stateBytes = StateBlock.Pack(encoder.Bytes, stateOffset, compressors);
        ImageOutput.Write(file, stateOffset, stateBytes);

        var index = new IndexWriter(stateOffset + (ulong)stateBytes.Length, (offset, bytes) => ImageOutput.Write(file, offset, bytes.Span));
        var regions = new RegionTable(state.Regions);
        foreach (ulong key in pages.SortedKeys())
        {
            AddLeaf(index, regions, key);
        }

        (ulong rootOffset, int rootLength, int levels) = index.Complete();
        Span<byte> bytes = stackalloc byte[ImageHeader.Length];
        new ImageHeader
        {
            PageSize = pageSize,
            Identity = Identity,
            ParentIdentity = ParentIdentity,
            FileLength = index.End,
            StateOffset = stateOffset,
            StateLength = (ulong)stateBytes.Length,
            RootOffset = rootOffset,
            RootLength = (uint)rootLength,
            Levels = (uint)levels,
            StoredPages = _storedPages,
            ParentPages = _parentPages,
        }.Encode(bytes);
        ImageOutput.Write(file, 0, bytes);
        return index.End;
    }

    private void AddLeaf(IndexWriter index, RegionTable regions, ulong key)
    {
        pages.CopyLeaf(key, _leaf);
        int stored = 0;
        bool any = false;
        ulong first = key * ImageFormat.LeafPages;
        SnapshotRegion? region = null;
        for (int at = 0; at < _leaf.Length; at++)
        {
            _kinds[at] = PageKind.None;
            if (_leaf[at] == WrittenPage.None)
            {
                continue;
            }

            ulong address = (first + (ulong)at) * (ulong)pageSize;
            region = region?.Mapping.Range.Contains(address) == true ? region : regions.Find(address);
            PageKind kind = KindOf(_leaf[at], region?.Content ?? RegionContent.None);
            _kinds[at] = kind;
            any |= kind != PageKind.None;
            if (kind == PageKind.Stored)
            {
                _records[stored++] = blocks.RecordOf(_leaf[at]);
            }
            else if (kind == PageKind.Parent)
            {
                _parentPages++;
            }
        }

        _storedPages += (ulong)stored;
        if (any)
        {
            index.Add(key, _kinds, _records.AsSpan(0, stored));
        }
    }

    /// <summary>Zeros are told only where a page that is not told of would be the file's.</summary>
    private static PageKind KindOf(WrittenPage page, RegionContent content)
        => content == RegionContent.None ? PageKind.None
            : page.IsStored ? PageKind.Stored
            : page == WrittenPage.Parent ? PageKind.Parent
            : content == RegionContent.Changed ? PageKind.Zero : PageKind.None;
}
