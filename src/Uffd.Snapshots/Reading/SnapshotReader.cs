using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>
/// Reads a snapshot, an image or an ELF core, told apart by its first bytes. As a page source it is its regions' content, one behind the other in order of
/// address: <see cref="OffsetOf"/> says where an address lies in it, so that a snapshot can be served lazily.
/// </summary>
public sealed class SnapshotReader : IPageSource
{
    private readonly ISnapshot _snapshot;

    private SnapshotReader(ISnapshot snapshot) => _snapshot = snapshot;

    /// <summary>The snapshot itself.</summary>
    public ISnapshot Snapshot => _snapshot;

    /// <inheritdoc/>
    public ulong Length => throw new NotSupportedException();

    /// <summary>Opens a snapshot.</summary>
    /// <param name="path">An image or a core.</param>
    /// <exception cref="InvalidDataException">It is neither, or damaged.</exception>
    public static SnapshotReader Open(string path) => throw new NotSupportedException();

    /// <summary>Where an address lies in this source.</summary>
    /// <param name="address">An address.</param>
    /// <returns>The offset, or null where the snapshot does not have it.</returns>
    public ulong? OffsetOf(ulong address) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose() => _snapshot.Dispose();
}
