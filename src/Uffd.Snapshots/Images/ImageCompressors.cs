using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>What unpacks an image's blocks, made when the first that is packed is read: an image that holds none needs no libzstd.</summary>
internal sealed class ImageCompressors : IDisposable
{
    private readonly Lazy<CompressorPool> _pool = new(() => CompressorPool.For(CompressionAlgorithm.Zstd, level: 1), LazyThreadSafetyMode.PublicationOnly);

    /// <exception cref="UffdException">libzstd is not installed.</exception>
    public CompressorPool Get() => _pool.Value;

    public void Dispose()
    {
        if (_pool.IsValueCreated)
        {
            _pool.Value.Dispose();
        }
    }
}
