namespace Uffd.Snapshots;

/// <summary>
/// Finds pages in an image's index, of which only the nodes on the way are read: two or three for a hundred gigabytes, the upper of which stay in a small cache.
/// </summary>
internal sealed class PageIndex
{
    private const ulong CachedNodes = 61; // of at most 8 KiB

    private readonly ImageFile _file;
    private readonly ImageHeader _header;
    private readonly IndexNode?[] _cache = new IndexNode?[CachedNodes];
    private readonly IndexNode? _root;

    /// <summary>Reads the root.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public PageIndex(ImageFile file, in ImageHeader header)
    {
        _file = file;
        _header = header;
        _root = header.Levels == 0 ? null : Load(header.RootOffset, (int)Math.Min(header.RootLength, int.MaxValue), (int)header.Levels - 1);
    }

    /// <summary>The leaf of a key, or null where no page of it is told of.</summary>
    /// <param name="key">A page number divided by <see cref="ImageFormat.LeafPages"/>.</param>
    /// <param name="next">The next key above it that may have a leaf; the highest number where there is none.</param>
    /// <exception cref="InvalidDataException">The index is damaged.</exception>
    public IndexNode? FindLeaf(ulong key, out ulong next)
    {
        next = ulong.MaxValue;
        IndexNode? node = _root;
        while (node is { Level: > 0 })
        {
            int child = node.LastAtMost(key);
            if (child < 0)
            {
                next = node.Key();
                return null;
            }

            if (child + 1 < node.Count)
            {
                next = node.Key(child + 1);
            }

            (ulong offset, int length) = node.Child(child);
            IndexNode below = Load(offset, length, node.Level - 1);
            if (below.Key() != node.Key(child) || (below.Level > 0 && below.Key(below.Count - 1) >= next))
            {
                throw Damaged("a node is in another's place");
            }

            node = below;
        }

        if (node is null || node.Key() == key)
        {
            return node;
        }

        next = node.Key() > key ? node.Key() : next;
        return null;
    }

    private IndexNode Load(ulong offset, int length, int level)
    {
        ref IndexNode? place = ref _cache[unchecked(offset * 0x9E37_79B9_7F4A_7C15) % CachedNodes];
        if (Volatile.Read(ref place) is { } known && known.Offset == offset && known.Level == level)
        {
            return known;
        }

        if (length > IndexNode.MaxLength || !_header.IsInside(offset, (ulong)length))
        {
            throw Damaged("a node cannot be where it should");
        }

        byte[] bytes = new byte[length];
        _file.Read(offset, bytes);
        try
        {
            var node = new IndexNode(offset, bytes, level);
            Volatile.Write(ref place, node);
            return node;
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"the image {_file.Path} is damaged at byte {offset}: {exception.Message}", exception);
        }
    }

    private InvalidDataException Damaged(string how) => new($"the image {_file.Path} is damaged: its index is wrong: {how}");
}
