namespace Uffd.Paging;

/// <summary>
/// What a journal does with its file. Of what was written since the last <see cref="Sync"/> that returned, a loss of power keeps any
/// part, in any order.
/// </summary>
internal interface IJournalFile : IDisposable
{
    /// <summary>Its path, for messages.</summary>
    string Name { get; }

    /// <summary>Its length in bytes.</summary>
    ulong Length { get; }

    /// <summary>Reads bytes.</summary>
    /// <returns>How many: fewer than asked only where the file ends.</returns>
    /// <exception cref="IOException">They cannot be read.</exception>
    int Read(ulong offset, Span<byte> destination);

    /// <summary>Writes bytes; the file grows as needed.</summary>
    /// <exception cref="IOException">Not all were written.</exception>
    void Write(ulong offset, ReadOnlySpan<byte> source);

    /// <summary>Cuts it.</summary>
    /// <exception cref="IOException">It is as long as it was.</exception>
    void Truncate(ulong length);

    /// <summary>Makes durable what was written.</summary>
    /// <exception cref="IOException">Some of it may be lost, also if a later call succeeds.</exception>
    void Sync();
}
