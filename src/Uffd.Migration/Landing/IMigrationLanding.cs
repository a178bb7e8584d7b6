namespace Uffd.Migration;

/// <summary>
/// Where a region's pages arrive at the destination. At first all of it is zeros. Offsets and lengths are whole pages of 4096 bytes. Before the switch
/// <see cref="Write"/> and <see cref="Clear"/> are called from several threads at once, never for the same page.
/// </summary>
public interface IMigrationLanding : IDisposable
{
    /// <summary>
    /// Completes when nothing is missing any more, so that the source is not needed: every page has come, or is lost and poisoned. Fails when that can never be.
    /// </summary>
    Task Completed { get; }

    /// <summary>Takes in pages before the switch; a page may come several times, and the last time counts.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="pages">Whole pages; valid until the call returns.</param>
    /// <exception cref="IOException">They cannot be kept: the migration ends, and the source goes on as it was.</exception>
    void Write(ulong offset, ReadOnlySpan<byte> pages);

    /// <summary>Makes pages zeros again, before the switch.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes.</param>
    /// <exception cref="IOException">As of <see cref="Write"/>.</exception>
    void Clear(ulong offset, ulong length);

    /// <summary>
    /// The switch: from now on the workload runs here. Called once, when everything that comes before it has come, and before the workload is started. Downtime is passing:
    /// it must be quick.
    /// </summary>
    /// <param name="pages">
    /// What is still missing, and how to get it. A page that it tells as data replaces what had come of it before; one that it tells as a hole is as it came, or zeros.
    /// Not the landing's to dispose.
    /// </param>
    /// <exception cref="IOException">It cannot be done.</exception>
    void Switch(IMigratedPages pages);
}
