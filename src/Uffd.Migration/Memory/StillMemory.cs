using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>A page source that nobody writes to, to be moved or served: a file, an image, a snapshot.</summary>
/// <param name="source">The pages. Not disposed with this.</param>
public sealed class StillMemory(IPageSource source) : IMigrationMemory
{
    /// <inheritdoc/>
    public ulong Length { get; } = (source.Length + WirePage.Bytes - 1) / WirePage.Bytes * WirePage.Bytes;

    /// <inheritdoc/>
    public int Concurrency => source.Concurrency;

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
        => offset >= source.Length ? new SourceRun(length, SourceRunKind.Zero) : source.GetRun(offset, Math.Min(length, source.Length - offset));

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination) => source.Read(offset, destination);

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => source.ReadAsync(offset, destination, cancellation);

    /// <inheritdoc/>
    public void StartTracking()
    {
    }

    /// <inheritdoc/>
    public void TakeWritten(ICollection<SourceRange> written)
    {
    }

    /// <inheritdoc/>
    public void StopTracking()
    {
    }

    /// <summary>Leaves the source as it is.</summary>
    public void Dispose()
    {
    }
}
