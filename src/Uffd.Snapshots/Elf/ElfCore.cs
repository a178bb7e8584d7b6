namespace Uffd.Snapshots;

/// <summary>Reads an ELF core file, one of this library or of the kernel or gcore.</summary>
public sealed class ElfCore : ISnapshot
{
    private ElfCore()
    {
    }

    /// <inheritdoc/>
    public string Format => "core";

    /// <inheritdoc/>
    public ProcessState State => throw new NotSupportedException();

    /// <inheritdoc/>
    public IReadOnlyList<string> Parents => [];

    /// <summary>Opens a core file.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="InvalidDataException">It is not a core file, or cut.</exception>
    public static ElfCore Open(string path) => throw new NotSupportedException();

    /// <inheritdoc/>
    public IEnumerable<SnapshotRun> GetRuns(AddressRange range) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Read(ulong address, Span<byte> destination) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
