using System.Buffers.Binary;

namespace Uffd.Migration;

/// <summary>
/// The head of a frame of pages: a run of one region's pages, each of a kind, and a checksum for each that has one. Parsed into one object that a reader uses again and again.
/// </summary>
internal sealed class PagesHead
{
    /// <summary>The most pages of a frame: a megabyte.</summary>
    public const int MaxPages = 256;

    public const int FixedBytes = 32;

    /// <summary>The longest head: a segment and a checksum for each page.</summary>
    public const int MaxBytes = FixedBytes + (8 * MaxPages);

    private readonly PageKind[] _kinds = new PageKind[MaxPages];
    private readonly uint[] _checksums = new uint[MaxPages];

    /// <summary>Which <see cref="FrameType.Want"/> it answers, or 0 before the switch.</summary>
    public ulong Request { get; private set; }

    public int Region { get; private set; }

    public ulong FirstPage { get; private set; }

    /// <summary>The kind of each page.</summary>
    public ReadOnlySpan<PageKind> Kinds => _kinds.AsSpan(0, Pages);

    public int Pages { get; private set; }

    /// <summary>How many have content in the frame's data.</summary>
    public int DataPages { get; private set; }

    public bool IsCompressed { get; private set; }

    /// <summary>The checksum of each page by its place in the frame; undefined for those that have none.</summary>
    public ReadOnlySpan<uint> Checksums => _checksums.AsSpan(0, Pages);

    /// <summary>Reads and checks one.</summary>
    /// <param name="head">The head.</param>
    /// <param name="dataBytes">How many bytes of data follow it.</param>
    /// <param name="regionPages">How many pages each region has.</param>
    public void Parse(ReadOnlySpan<byte> head, int dataBytes, ReadOnlySpan<ulong> regionPages)
    {
        var reader = new HeadReader(head);
        Request = reader.UInt64();
        FirstPage = reader.UInt64();
        uint region = reader.UInt32();
        uint pages = reader.UInt32();
        uint segments = reader.UInt32();
        uint encoding = reader.UInt32();
        if (region >= regionPages.Length || pages is 0 or > MaxPages || FirstPage > regionPages[(int)region] || pages > regionPages[(int)region] - FirstPage)
        {
            throw WireException.Violation($"{pages} pages from {FirstPage} on were sent of region {region}, which does not have them");
        }

        if (segments is 0 or > MaxPages || encoding > 1)
        {
            throw WireException.Violation("the parts of a frame of pages are none");
        }

        (Region, Pages, IsCompressed) = ((int)region, (int)pages, encoding == 1);
        ReadKinds(ref reader, (int)segments);
        ReadChecksums(ref reader);
        reader.End();
        int whole = DataPages * WirePage.Bytes;
        if (IsCompressed ? dataBytes == 0 || dataBytes >= whole : dataBytes != whole)
        {
            throw WireException.Violation($"a frame has {dataBytes} bytes for {DataPages} pages");
        }
    }

    /// <summary>Writes one to the end of a room that <see cref="MaxBytes"/> fit in.</summary>
    /// <returns>How many bytes it has.</returns>
    public static int WriteBefore(Span<byte> room, ulong request, int region, ulong firstPage, ReadOnlySpan<PageKind> kinds, ReadOnlySpan<uint> checksums, bool isCompressed)
    {
        Span<byte> bytes = stackalloc byte[MaxBytes];
        int length = FixedBytes;
        uint segments = 0;
        for (int page = 0; page < kinds.Length; segments++)
        {
            int end = page + 1;
            while (end < kinds.Length && kinds[end] == kinds[page])
            {
                end++;
            }

            BinaryPrimitives.WriteUInt32LittleEndian(bytes[length..], ((uint)kinds[page] << 24) | (uint)(end - page));
            length += sizeof(uint);
            page = end;
        }

        for (int page = 0; page < kinds.Length; page++)
        {
            if (kinds[page] is PageKind.Data or PageKind.Base)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[length..], checksums[page]);
                length += sizeof(uint);
            }
        }

        BinaryPrimitives.WriteUInt64LittleEndian(bytes, request);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], firstPage);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[16..], (uint)region);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[20..], (uint)kinds.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], segments);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[28..], isCompressed ? 1u : 0);
        bytes[..length].CopyTo(room[^length..]);
        return length;
    }

    private void ReadKinds(ref HeadReader reader, int segments)
    {
        int page = 0;
        DataPages = 0;
        for (int segment = 0; segment < segments; segment++)
        {
            uint packed = reader.UInt32();
            int count = (int)(packed & 0xff_ffff);
            var kind = (PageKind)(packed >> 24);
            if (kind > PageKind.Base || count == 0 || count > Pages - page)
            {
                throw WireException.Violation("the parts of a frame of pages are not as long as it");
            }

            _kinds.AsSpan(page, count).Fill(kind);
            DataPages += kind == PageKind.Data ? count : 0;
            page += count;
        }

        if (page != Pages)
        {
            throw WireException.Violation("the parts of a frame of pages are not as long as it");
        }
    }

    private void ReadChecksums(ref HeadReader reader)
    {
        for (int page = 0; page < Pages; page++)
        {
            if (_kinds[page] is PageKind.Data or PageKind.Base)
            {
                _checksums[page] = reader.UInt32();
            }
        }
    }
}
