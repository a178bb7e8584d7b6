namespace Uffd.Paging;

/// <summary>Packs and unpacks pages. One thread at a time uses it; <see cref="CompressorPool"/> has one for each.</summary>
internal interface IPageCompressor : IDisposable
{
    /// <summary>Compresses.</summary>
    /// <param name="source">A page.</param>
    /// <param name="destination">Room for it; what is behind the result is undefined then.</param>
    /// <returns>The bytes it took, or 0 when there is too little room: it does not shrink enough.</returns>
    int Compress(ReadOnlySpan<byte> source, Span<byte> destination);

    /// <summary>Brings a page back.</summary>
    /// <param name="source">What <see cref="Compress"/> made, to the byte.</param>
    /// <param name="destination">As long as the page was.</param>
    /// <returns>False when the bytes are none that give exactly so many; what is in the destination is undefined then.</returns>
    bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination);
}
