namespace Uffd.Snapshots;

/// <summary>How a snapshot's file is written.</summary>
public sealed record SnapshotFileOptions
{
    /// <summary>Whether to wait until the disk has it before it gets its name, so that a power cut cannot leave half of it there. Default: true.</summary>
    public bool Durable { get; init; } = true;
}

/// <summary>Writes a snapshot as an ELF core file (core(5), elf(5)).</summary>
public sealed class ElfCoreWriter : ISnapshotSink
{
    private ElfCoreWriter()
    {
    }

    /// <inheritdoc/>
    public long StoredBytes => throw new NotSupportedException();

    /// <summary>Begins a core file. It is written beside its name and gets it in the end; mode 0600.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="options">How; null for the defaults.</param>
    public static ElfCoreWriter Create(string path, SnapshotFileOptions? options = null) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Write(ulong address, ReadOnlySpan<byte> pages) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Discard(AddressRange pages) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Complete(ProcessState state) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
