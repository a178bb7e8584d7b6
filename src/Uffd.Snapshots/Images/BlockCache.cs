using System.Buffers;
using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>
/// Gives out the stored pages of an image. The blocks read last stay unpacked; each page's checksum is compared whenever it is given out, so that
/// neither the file nor the cache is believed.
/// </summary>
internal sealed class BlockCache
{
    private const int Places = 13; // a prime: neighbours go to different places

    private readonly ImageFile _file;
    private readonly int _pageSize;
    private readonly Func<CompressorPool> _compressors;
    private readonly Place[] _places = new Place[Places];

    public BlockCache(ImageFile file, int pageSize, Func<CompressorPool> compressors)
    {
        (_file, _pageSize, _compressors) = (file, pageSize, compressors);
        for (int place = 0; place < Places; place++)
        {
            _places[place] = new Place();
        }
    }

    /// <summary>Copies a part of a page.</summary>
    /// <exception cref="InvalidDataException">The page is damaged.</exception>
    public void Read(in PageRecord record, ulong address, int offset, Span<byte> destination)
    {
        Place place = _places[(record.Offset >> 6) % Places];
        lock (place)
        {
            Find(place, record, address).Slice(offset, destination.Length).CopyTo(destination);
        }
    }

    /// <summary>Whether a page has this content.</summary>
    /// <exception cref="InvalidDataException">The page is damaged.</exception>
    public bool Has(in PageRecord record, ulong address, ReadOnlySpan<byte> content)
    {
        Place place = _places[(record.Offset >> 6) % Places];
        lock (place)
        {
            return Find(place, record, address).SequenceEqual(content);
        }
    }

    private ReadOnlySpan<byte> Find(Place place, in PageRecord record, ulong address)
    {
        if (place.Offset != record.Offset || place.Length != record.Length || place.Pages != record.Pages || place.IsRaw != record.IsRaw)
        {
            place.Pages = 0; // nothing is here, should it fail
            Load(place, record, address);
            (place.Offset, place.Length, place.Pages, place.IsRaw) = (record.Offset, record.Length, record.Pages, record.IsRaw);
        }

        ReadOnlySpan<byte> page = place.Bytes.AsSpan(record.Slot * _pageSize, _pageSize);
        return PageChecksum.Of(address, page) == record.Checksum ? page : throw Damaged(address, "the checksum is another");
    }

    private void Load(Place place, in PageRecord record, ulong address)
    {
        int whole = record.Pages * _pageSize;
        if (place.Bytes.Length < whole)
        {
            place.Bytes = GC.AllocateUninitializedArray<byte>(whole);
        }

        if (record.IsRaw)
        {
            _file.Read(record.Offset, place.Bytes.AsSpan(0, whole));
            return;
        }

        byte[] packed = ArrayPool<byte>.Shared.Rent(record.Length);
        CompressorPool pool = _compressors();
        IPageCompressor compressor = pool.Take();
        try
        {
            _file.Read(record.Offset, packed.AsSpan(0, record.Length));
            if (!compressor.TryDecompress(packed.AsSpan(0, record.Length), place.Bytes.AsSpan(0, whole)))
            {
                throw Damaged(address, "its block cannot be unpacked");
            }
        }
        finally
        {
            pool.Return(compressor);
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    private InvalidDataException Damaged(ulong address, string how) => new($"the image {_file.Path} is damaged: the page at 0x{address:x} cannot be read: {how}");

    private sealed class Place
    {
        public byte[] Bytes { get; set; } = [];

        public ulong Offset { get; set; }

        public int Length { get; set; }

        public int Pages { get; set; }

        public bool IsRaw { get; set; }
    }
}
