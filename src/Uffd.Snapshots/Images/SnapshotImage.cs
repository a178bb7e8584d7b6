namespace Uffd.Snapshots;

/// <summary>Reads an image: docs/snapshot-image.md.</summary>
public sealed class SnapshotImage : ISnapshot
{
    private SnapshotImage()
    {
    }

    /// <inheritdoc/>
    public string Format => "image";

    /// <inheritdoc/>
    public ProcessState State => throw new NotSupportedException();

    /// <inheritdoc/>
    public IReadOnlyList<string> Parents => throw new NotSupportedException();

    /// <summary>Opens an image and its parents.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="InvalidDataException">It is not an image, damaged, of a later version, or its parent is another than that it was written against.</exception>
    /// <exception cref="FileNotFoundException">It or a parent is not there.</exception>
    public static SnapshotImage Open(string path) => throw new NotSupportedException();

    /// <inheritdoc/>
    public IEnumerable<SnapshotRun> GetRuns(AddressRange range) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Read(ulong address, Span<byte> destination) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
