namespace Uffd.Paging;

/// <summary>Buffers to read into, used again: small ones for single pages, large ones for runs.</summary>
internal sealed class FetchBuffers(int smallBytes, int largeBytes) : IDisposable
{
    private const int MaxKeptSmall = 16;
    private const int MaxKeptLarge = 4;
    private readonly Lock _gate = new();
    private readonly Stack<FetchBuffer> _small = [];
    private readonly Stack<FetchBuffer> _large = [];

    /// <summary>A buffer of at least so many bytes, at most the large size.</summary>
    public FetchBuffer Rent(int bytes)
    {
        bool isSmall = bytes <= smallBytes;
        lock (_gate)
        {
            if ((isSmall ? _small : _large).TryPop(out FetchBuffer? kept))
            {
                return kept;
            }
        }

        return new FetchBuffer(isSmall ? smallBytes : largeBytes);
    }

    public void Return(FetchBuffer buffer)
    {
        lock (_gate)
        {
            Stack<FetchBuffer> kept = buffer.Bytes == smallBytes ? _small : _large;
            if (kept.Count < (ReferenceEquals(kept, _small) ? MaxKeptSmall : MaxKeptLarge))
            {
                kept.Push(buffer);
                return;
            }
        }

        buffer.Free();
    }

    public void Dispose()
    {
        foreach (FetchBuffer buffer in _small.Concat(_large))
        {
            buffer.Free();
        }
    }
}
