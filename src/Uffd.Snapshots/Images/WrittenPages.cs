namespace Uffd.Snapshots;

/// <summary>
/// What the writer knows of a page, in eight bytes: the block that it went to, its slot there and, once the block is packed, its checksum. The first blocks are
/// none: they stand for nothing, zeros and the parent's page.
/// </summary>
internal readonly record struct WrittenPage(ulong Bits)
{
    /// <summary>The first number that a block can have.</summary>
    public const int FirstBlock = 3;

    /// <summary>The numbers that there are: enough for eight terabytes of pages.</summary>
    public const int MaxBlocks = 1 << 27;

    private const int ChecksumBits = 32;
    private const int SlotBits = 5;

    public static WrittenPage None => default;

    public static WrittenPage Zero => At(1, 0, 0);

    public static WrittenPage Parent => At(2, 0, 0);

    public int Block => (int)(Bits >> (ChecksumBits + SlotBits));

    public int Slot => (int)(Bits >> ChecksumBits) & ((1 << SlotBits) - 1);

    public uint Checksum => unchecked((uint)Bits);

    public bool IsStored => Block >= FirstBlock;

    public static WrittenPage At(int block, int slot, uint checksum) => new(((ulong)block << (ChecksumBits + SlotBits)) | ((ulong)slot << ChecksumBits) | checksum);

    public bool IsAt(int block, int slot) => Bits >> ChecksumBits == (((ulong)block << SlotBits) | (uint)slot);
}

/// <summary>All pages that a writer was given, by their number: eight bytes each where they lie close together. Not for several threads at once.</summary>
internal sealed class WrittenPages
{
    private const int PartPages = 64;
    private const int Parts = ImageFormat.LeafPages / PartPages;

    private readonly Dictionary<ulong, WrittenPage[]?[]> _leaves = [];
    private ulong _lastKey = ulong.MaxValue;
    private WrittenPage[]?[]? _last; // pages come in order

    /// <summary>The keys of the leaves, in order.</summary>
    public ulong[] SortedKeys()
    {
        ulong[] keys = [.. _leaves.Keys];
        Array.Sort(keys);
        return keys;
    }

    /// <summary>What is known of a page, to read and to change. Valid until the next call of <see cref="Clear(ulong, ulong, Action{WrittenPage})"/>.</summary>
    public ref WrittenPage this[ulong page]
    {
        get
        {
            ulong key = page / ImageFormat.LeafPages;
            WrittenPage[]?[] leaf = key == _lastKey ? _last! : FindOrAdd(key);
            int within = (int)(page % ImageFormat.LeafPages);
            return ref (leaf[within / PartPages] ??= new WrittenPage[PartPages])[within % PartPages];
        }
    }

    /// <summary>Copies what is known of a leaf's pages.</summary>
    public void CopyLeaf(ulong key, Span<WrittenPage> pages)
    {
        WrittenPage[]?[] leaf = _leaves[key];
        for (int part = 0; part < Parts; part++)
        {
            Span<WrittenPage> destination = pages.Slice(part * PartPages, PartPages);
            if (leaf[part] is { } known)
            {
                known.CopyTo(destination);
            }
            else
            {
                destination.Clear();
            }
        }
    }

    /// <summary>Forgets pages.</summary>
    /// <param name="first">The first one's number.</param>
    /// <param name="end">The number behind the last.</param>
    /// <param name="forgotten">Told of each that was known.</param>
    public void Clear(ulong first, ulong end, Action<WrittenPage> forgotten)
    {
        ulong firstKey = first / ImageFormat.LeafPages;
        ulong endKey = (end + ImageFormat.LeafPages - 1) / ImageFormat.LeafPages;
        if (endKey - firstKey <= (ulong)_leaves.Count)
        {
            for (ulong key = firstKey; key < endKey; key++)
            {
                Clear(key, first, end, forgotten);
            }

            return;
        }

        foreach (ulong key in _leaves.Keys.Where(key => key >= firstKey && key < endKey).ToArray())
        {
            Clear(key, first, end, forgotten);
        }
    }

    private void Clear(ulong key, ulong first, ulong end, Action<WrittenPage> forgotten)
    {
        if (!_leaves.TryGetValue(key, out WrittenPage[]?[]? leaf))
        {
            return;
        }

        ulong start = key * ImageFormat.LeafPages;
        int from = first > start ? (int)(first - start) : 0;
        int to = (int)Math.Min(ImageFormat.LeafPages, end - start);
        for (int page = from; page < to; page++)
        {
            if (leaf[page / PartPages] is { } part && part[page % PartPages] != WrittenPage.None)
            {
                forgotten(part[page % PartPages]);
                part[page % PartPages] = WrittenPage.None;
            }
        }

        if (from == 0 && to == ImageFormat.LeafPages)
        {
            _leaves.Remove(key);
            _lastKey = ulong.MaxValue;
        }
    }

    private WrittenPage[]?[] FindOrAdd(ulong key)
    {
        if (!_leaves.TryGetValue(key, out WrittenPage[]?[]? leaf))
        {
            leaf = new WrittenPage[Parts][];
            _leaves.Add(key, leaf);
        }

        (_lastKey, _last) = (key, leaf);
        return leaf;
    }
}
