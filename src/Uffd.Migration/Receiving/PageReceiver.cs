using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Takes the pages of a frame in, whatever way they came. Of one thread; nothing that it gives out is trusted before its checksum was right.</summary>
internal sealed class PageReceiver(IReadOnlyList<DestinationRegion> regions) : IDisposable
{
    private readonly ulong[] _regionPages = [.. regions.Select(region => region.Region.Length >> WirePage.Shift)];
    private readonly byte[] _data = GC.AllocateUninitializedArray<byte>(FrameHeader.MaxDataBytes);
    private byte[]? _packed;
    private readonly uint[] _compact = new uint[PagesHead.MaxPages];
    private ZstdCompressor? _decompressor;

    public PagesHead Head { get; } = new();

    /// <summary>The content of the pages that are data, together.</summary>
    public Span<byte> Data => _data.AsSpan(0, Head.DataPages * WirePage.Bytes);

    public void Parse(ReadOnlySpan<byte> head, int dataBytes) => Head.Parse(head, dataBytes, _regionPages);

    /// <summary>Reads all data of the frame into its own buffer.</summary>
    public void Receive(FrameReader reader, int dataBytes)
    {
        if (Head.IsCompressed)
        {
            _packed ??= GC.AllocateUninitializedArray<byte>(FrameHeader.MaxDataBytes);
            Span<byte> packed = _packed.AsSpan(0, dataBytes);
            reader.ReadData(packed);
            _decompressor ??= new ZstdCompressor(1);
            if (!_decompressor.TryDecompress(packed, Data))
            {
                throw new WireException("compressed pages are damaged");
            }
        }
        else
        {
            reader.ReadData(Data);
        }

        Verify(Data);
    }

    /// <summary>Reads the data of a frame that has nothing but pages, as they are, to where they are wanted.</summary>
    public void ReceiveTo(FrameReader reader, Span<byte> destination)
    {
        reader.ReadData(destination);
        Verify(destination);
    }

    /// <summary>Reads a page from the base, which must be what the source has.</summary>
    public void ReadBase(int page, Span<byte> destination)
    {
        if (regions[Head.Region].Base is not { } known)
        {
            throw WireException.Violation("a page was told to be a base's that is not here");
        }

        known.Pages.Read((Head.FirstPage + (ulong)page) << WirePage.Shift, destination);
        Span<uint> checksum = stackalloc uint[1];
        PageChecksums.Compute(destination, checksum);
        if (checksum[0] != Head.Checksums[page])
        {
            regions[Head.Region].Base = null; // over the next connection the source is told that there is none
            throw new WireException($"the base {known.Name} is not the same here");
        }
    }

    public void Dispose() => _decompressor?.Dispose();

    private void Verify(ReadOnlySpan<byte> pages)
    {
        int count = 0;
        for (int page = 0; page < Head.Pages; page++)
        {
            if (Head.Kinds[page] == PageKind.Data)
            {
                _compact[count++] = Head.Checksums[page];
            }
        }

        if (PageChecksums.FindWrong(pages, _compact.AsSpan(0, count)) >= 0)
        {
            throw new WireException("a page is not what was sent");
        }
    }
}
