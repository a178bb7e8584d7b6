using System.Buffers.Binary;

namespace Uffd.Snapshots;

/// <summary>Writes an index in one pass, leaf after leaf in order of key, and the levels above them from the bottom up.</summary>
internal sealed class IndexWriter
{
    private const int BufferLength = 1 << 20;

    private readonly Action<ulong, ReadOnlyMemory<byte>> _write;
    private readonly byte[] _buffer = new byte[BufferLength];
    private readonly List<List<Entry>> _levels = [[]];
    private ulong _start;
    private int _filled;
    private Entry _last;
    private bool _any;

    /// <param name="offset">Where in the file it begins.</param>
    /// <param name="write">Writes bytes at an offset.</param>
    public IndexWriter(ulong offset, Action<ulong, ReadOnlyMemory<byte>> write) => (_start, _write) = (offset, write);

    /// <summary>Behind what has been written.</summary>
    public ulong End => _start + (ulong)_filled;

    /// <summary>Adds a leaf.</summary>
    /// <param name="key">Above all before.</param>
    /// <param name="kinds">Of each of its pages, not all of them none.</param>
    /// <param name="records">Of the stored ones, in order.</param>
    public void Add(ulong key, ReadOnlySpan<PageKind> kinds, ReadOnlySpan<PageRecord> records)
    {
        Span<byte> bytes = Reserve(IndexNode.LeafHeaderLength + (records.Length * PageRecord.EncodedLength));
        bytes.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[IndexNode.PrefixLength..], key);
        Span<byte> low = bytes.Slice(IndexNode.PrefixLength + sizeof(ulong), IndexNode.BitmapLength);
        Span<byte> high = bytes.Slice(IndexNode.PrefixLength + sizeof(ulong) + IndexNode.BitmapLength, IndexNode.BitmapLength);
        for (int page = 0; page < kinds.Length; page++)
        {
            int kind = (int)kinds[page];
            low[page >> 3] |= (byte)((kind & 1) << (page & 7));
            high[page >> 3] |= (byte)((kind >> 1) << (page & 7));
        }

        for (int record = 0; record < records.Length; record++)
        {
            records[record].Encode(bytes[(IndexNode.LeafHeaderLength + (record * PageRecord.EncodedLength))..]);
        }

        Emit(key, level: 0, records.Length, bytes);
    }

    /// <summary>Writes the levels above the leaves that are not written yet.</summary>
    /// <returns>Where the root is, and how many levels there are.</returns>
    public (ulong Offset, int Length, int Levels) Complete()
    {
        if (!_any)
        {
            return (0, 0, 0);
        }

        for (int level = 0; level < _levels.Count; level++)
        {
            // One entry on the topmost level is the root; any other level is gathered under nodes of the next.
            if (level < _levels.Count - 1 || _levels[level].Count > 1)
            {
                Gather(level);
            }
        }

        Flush();
        return (_last.Offset, _last.Length, _levels.Count);
    }

    private void Emit(ulong key, int level, int count, Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], (ushort)level);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], (ushort)count);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, IndexNode.Checksum(End, bytes));
        _last = new Entry(key, End, bytes.Length);
        _any = true;
        _filled += bytes.Length;
        if (level == _levels.Count)
        {
            _levels.Add([]);
        }

        _levels[level].Add(_last);
        if (_levels[level].Count == IndexNode.Fanout)
        {
            Gather(level);
        }
    }

    /// <summary>Makes a node of the next level out of the entries of one.</summary>
    private void Gather(int level)
    {
        List<Entry> entries = _levels[level];
        if (entries.Count == 0)
        {
            return;
        }

        Span<byte> bytes = Reserve(IndexNode.PrefixLength + (entries.Count * IndexNode.ChildLength));
        bytes.Clear();
        for (int child = 0; child < entries.Count; child++)
        {
            Span<byte> entry = bytes[(IndexNode.PrefixLength + (child * IndexNode.ChildLength))..];
            BinaryPrimitives.WriteUInt64LittleEndian(entry, entries[child].Key);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], IndexNode.PackPlace(entries[child].Offset, entries[child].Length));
        }

        (ulong key, int count) = (entries[0].Key, entries.Count);
        entries.Clear();
        Emit(key, level + 1, count, bytes);
    }

    private Span<byte> Reserve(int length)
    {
        if (length > BufferLength - _filled)
        {
            Flush();
        }

        return _buffer.AsSpan(_filled, length);
    }

    private void Flush()
    {
        if (_filled > 0)
        {
            _write(_start, _buffer.AsMemory(0, _filled));
            _start += (ulong)_filled;
            _filled = 0;
        }
    }

    private readonly record struct Entry(ulong Key, ulong Offset, int Length);
}
