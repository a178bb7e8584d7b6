namespace Uffd.Snapshots;

/// <summary>
/// Where a snapshot goes: an ELF core, an image. Pages arrive while the process runs, the same page several times, and in any order; the last one counts.
/// Called from one thread at a time. Disposed without <see cref="Complete"/>, nothing is left under the snapshot's name, and what was there before stays.
/// </summary>
public interface ISnapshotSink : IDisposable
{
    /// <summary>How many bytes the snapshot takes in its file by now.</summary>
    long StoredBytes { get; }

    /// <summary>
    /// Told of a mapping as soon as it is known, so that a place for all of it can be chosen at once. A hint: what is told may change or never be written.
    /// </summary>
    /// <param name="region">Whole pages.</param>
    void Expect(AddressRange region)
    {
    }

    /// <summary>Takes the content of pages, in place of what was taken for them before. The sink looks for zeros itself.</summary>
    /// <param name="address">The first page's address in the process.</param>
    /// <param name="pages">Whole pages. Read during the call only.</param>
    /// <exception cref="IOException">The file cannot be written: the snapshot has failed.</exception>
    void Write(ulong address, ReadOnlySpan<byte> pages);

    /// <summary>Forgets what was taken for pages: they were discarded, or unmapped.</summary>
    /// <param name="pages">Whole pages.</param>
    void Discard(AddressRange pages);

    /// <summary>
    /// Ends the snapshot and gives it its name, in one step. What was written for addresses that no region of the state keeps is left out.
    /// </summary>
    /// <param name="state">All else of the process.</param>
    /// <exception cref="IOException">It cannot be written: nothing is left under the name.</exception>
    void Complete(ProcessState state);
}
