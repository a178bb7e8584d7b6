namespace Uffd.Paging;

/// <summary>
/// Compressors that wait for work: a thread takes the one that its CPU used last, and nothing is made or freed as long as no more
/// threads compress at once than there are places.
/// </summary>
internal sealed class CompressorPool : IDisposable
{
    private readonly Func<IPageCompressor> _make;
    private readonly IPageCompressor?[] _idle = new IPageCompressor?[2 * Environment.ProcessorCount];
    private volatile bool _disposed;

    /// <param name="make">Makes one. It is called once at once: what is missing is found before there are pages.</param>
    public CompressorPool(Func<IPageCompressor> make)
    {
        _make = make;
        _idle[0] = make();
    }

    /// <summary>A pool for an algorithm.</summary>
    /// <exception cref="UffdException">Its library is not installed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such algorithm or level.</exception>
    public static CompressorPool For(CompressionAlgorithm algorithm, int level)
    {
        (int least, int most, Func<IPageCompressor> make) = algorithm switch
        {
            CompressionAlgorithm.Lz4 => (Lz4Compressor.MinLevel, Lz4Compressor.MaxLevel, (Func<IPageCompressor>)(() => new Lz4Compressor(level))),
            CompressionAlgorithm.Zstd => (ZstdCompressor.MinLevel, ZstdCompressor.MaxLevel, () => new ZstdCompressor(level)),
            _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "there is no such algorithm"),
        };
        return level >= least && level <= most
            ? new CompressorPool(make)
            : throw new ArgumentOutOfRangeException(nameof(level), level, $"levels of {algorithm} are from {least} to {most}");
    }

    /// <summary>Takes one for this thread alone, until it is given back.</summary>
    public IPageCompressor Take()
    {
        int first = Thread.GetCurrentProcessorId() % _idle.Length;
        for (int step = 0; step < _idle.Length; step++)
        {
            ref IPageCompressor? place = ref _idle[(first + step) % _idle.Length];
            if (Volatile.Read(ref place) is not null && Interlocked.Exchange(ref place, null) is { } compressor)
            {
                return compressor;
            }
        }

        return _make();
    }

    /// <summary>Gives it back.</summary>
    public void Return(IPageCompressor compressor)
    {
        int first = Thread.GetCurrentProcessorId() % _idle.Length;
        for (int step = 0; step < _idle.Length && !_disposed; step++)
        {
            ref IPageCompressor? place = ref _idle[(first + step) % _idle.Length];
            if (Volatile.Read(ref place) is null && Interlocked.CompareExchange(ref place, compressor, null) is null)
            {
                return; // one that comes back just when the pool is disposed is left to its finalizer
            }
        }

        compressor.Dispose();
    }

    /// <summary>Frees those that are here; the others when they come back.</summary>
    public void Dispose()
    {
        _disposed = true;
        for (int index = 0; index < _idle.Length; index++)
        {
            Interlocked.Exchange(ref _idle[index], null)?.Dispose();
        }
    }
}
