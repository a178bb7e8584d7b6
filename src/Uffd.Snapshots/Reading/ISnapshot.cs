namespace Uffd.Snapshots;

/// <summary>What is known of pages of a snapshot.</summary>
public enum SnapshotPageKind
{
    /// <summary>The snapshot does not have them: not mapped, or left out by the filter.</summary>
    Absent,

    /// <summary>They are zeros.</summary>
    Zero,

    /// <summary>They are stored.</summary>
    Stored,

    /// <summary>They are stored in a parent.</summary>
    Parent,

    /// <summary>Unchanged pages of a mapped file, which the snapshot does not hold.</summary>
    File,
}

/// <summary>A run of pages of one kind.</summary>
/// <param name="Range">The addresses.</param>
/// <param name="Kind">The kind.</param>
public readonly record struct SnapshotRun(AddressRange Range, SnapshotPageKind Kind);

/// <summary>A snapshot to read, in whichever format. All members may be called from several threads at once.</summary>
public interface ISnapshot : IDisposable
{
    /// <summary>The format: <c>core</c> or <c>image</c>.</summary>
    string Format { get; }

    /// <summary>The process, with its regions.</summary>
    ProcessState State { get; }

    /// <summary>The paths of the parents, the nearest first; empty for a full snapshot.</summary>
    IReadOnlyList<string> Parents { get; }

    /// <summary>The runs of a region, in order, without reading pages.</summary>
    /// <param name="range">Whole pages.</param>
    IEnumerable<SnapshotRun> GetRuns(AddressRange range);

    /// <summary>Reads pages. Zero pages are filled in; each stored page's checksum is checked, where the format has them.</summary>
    /// <param name="address">Where in the process.</param>
    /// <param name="destination">Filled whole.</param>
    /// <exception cref="InvalidDataException">The snapshot is damaged there: the address is told. Nothing of a damaged page is ever given out.</exception>
    /// <exception cref="EndOfStreamException">The snapshot does not have these addresses.</exception>
    void Read(ulong address, Span<byte> destination);
}
