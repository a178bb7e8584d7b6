using System.Diagnostics;

namespace Uffd.Migration;

/// <summary>Makes frames of pages and sends them. Of one thread.</summary>
internal sealed class PageSender : IDisposable
{
    private const int DataStart = WirePage.Bytes; // the header and the longest head fit before it

    private readonly byte[] _frame = GC.AllocateUninitializedArray<byte>(DataStart + FrameHeader.MaxDataBytes);
    private readonly uint[] _checksums = new uint[PagesHead.MaxPages];
    private readonly PageReading _reading = new();
    private readonly SendCompression _compression;

    public PageSender(MigrationCompression compression) => _compression = new SendCompression(compression);

    /// <summary>Whether the other side can take compressed pages.</summary>
    public bool MayCompress
    {
        set => _compression.IsPossible = value;
    }

    /// <summary>The kinds of the pages that were sent last.</summary>
    public ReadOnlySpan<PageKind> Kinds => _reading.Kinds;

    /// <summary>How many of them cannot be read.</summary>
    public int LostPages => _reading.LostPages;

    /// <summary>Reads a run of pages and sends them.</summary>
    /// <param name="to">Where.</param>
    /// <param name="request">Which request it answers, or 0.</param>
    /// <param name="region">The region.</param>
    /// <param name="first">The first page.</param>
    /// <param name="pages">How many.</param>
    /// <param name="isAwaited">Whether somebody waits for it: then nothing is tried that takes its time.</param>
    /// <exception cref="LinkException">The connection is broken.</exception>
    public void Send(FrameWriter to, ulong request, SourceRegion region, ulong first, int pages, bool isAwaited)
    {
        _reading.Read(region, first, pages, _frame.AsSpan(DataStart), _checksums);
        int dataBytes = _reading.DataPages * WirePage.Bytes;
        ReadOnlySpan<byte> compressed = isAwaited ? [] : _compression.Compress(_frame.AsSpan(DataStart, dataBytes));
        if (!compressed.IsEmpty)
        {
            compressed.CopyTo(_frame.AsSpan(DataStart));
            dataBytes = compressed.Length;
        }

        int headBytes = PagesHead.WriteBefore(_frame.AsSpan(0, DataStart), request, region.Index, first, _reading.Kinds, _checksums, !compressed.IsEmpty);
        int start = DataStart - headBytes - FrameHeader.Bytes;
        long before = Stopwatch.GetTimestamp();
        to.WritePages(_frame.AsSpan(start, FrameHeader.Bytes + headBytes + dataBytes), headBytes);
        _compression.Sent(FrameHeader.Bytes + headBytes + dataBytes, Stopwatch.GetTimestamp() - before);
    }

    public void Dispose() => _compression.Dispose();
}
