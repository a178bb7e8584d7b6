namespace Uffd.Migration;

/// <summary>Which pages a map is of.</summary>
internal enum MapKind : byte
{
    /// <summary>They are still at the source.</summary>
    Missing = 0,

    /// <summary>They cannot be read there.</summary>
    Poisoned = 1,
}

/// <summary>Sets of pages as they go over the wire: for each run how far it is from the end of the one before, and its length.</summary>
internal static class MapMessage
{
    private const int MostBytesOfRun = 20;

    /// <summary>Sends a set in as many messages as it takes; none for an empty set.</summary>
    public static void Send(FrameWriter to, HeadWriter writer, int region, MapKind kind, PageSet pages)
    {
        ulong from = 0;
        while (pages.TryFindRun(from, pages.Pages, ulong.MaxValue, out ulong first, out ulong count))
        {
            writer.Clear();
            writer.UInt32((uint)region).Byte((byte)kind).UInt64(from);
            do
            {
                writer.VarInt(first - from).VarInt(count);
                from = first + count;
            }
            while (writer.Room >= MostBytesOfRun && pages.TryFindRun(from, pages.Pages, ulong.MaxValue, out first, out count));
            to.Write(FrameType.Map, writer.Written);
        }
    }

    /// <summary>Takes one in.</summary>
    /// <param name="head">The message.</param>
    /// <param name="find">Gives the set of a region and kind, or null where there is no such region.</param>
    public static void Read(ReadOnlySpan<byte> head, Func<uint, MapKind, PageSet?> find)
    {
        var reader = new HeadReader(head);
        uint region = reader.UInt32();
        byte kind = reader.Byte();
        ulong page = reader.UInt64();
        if (kind > (byte)MapKind.Poisoned || find(region, (MapKind)kind) is not { } pages || page > pages.Pages)
        {
            throw WireException.Violation($"a map is of region {region}, which there is not");
        }

        while (!reader.IsAtEnd)
        {
            ulong gap = reader.VarInt();
            ulong count = reader.VarInt();
            if (count == 0 || gap > pages.Pages - page || count > pages.Pages - page - gap)
            {
                throw WireException.Violation($"a map goes beyond the end of region {region}");
            }

            pages.Add(page + gap, count);
            page += gap + count;
        }
    }
}
