namespace Uffd.Migration;

/// <summary>
/// The connections of one migration between two processes: any streams that carry bytes in order in both directions (TCP, TLS, a Unix socket), the first for control and for pages that
/// a thread waits for, the others for all other pages. With a single one both share it. When one breaks, all are closed, and the migration waits for another link of the same session.
/// </summary>
/// <remarks>Disposing a stream must end a read or a write of it that waits, as it does for sockets.</remarks>
public sealed class MigrationLink : IDisposable
{
    /// <summary>The most connections that a link has.</summary>
    public const int MaxStreams = 16;

    /// <summary>Makes a link of connected streams. Stream by stream, in this order, they are connected to those of the other side's link.</summary>
    /// <param name="session">Names the migration; the same on both sides, and in every link that resumes it.</param>
    /// <param name="streams">One to <see cref="MaxStreams"/>. Owned from now on.</param>
    public MigrationLink(Guid session, IReadOnlyList<Stream> streams)
    {
        ArgumentNullException.ThrowIfNull(streams);
        ArgumentOutOfRangeException.ThrowIfZero(streams.Count, nameof(streams));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(streams.Count, MaxStreams, nameof(streams));
        Session = session;
        Streams = [.. streams];
    }

    /// <summary>Names the migration.</summary>
    public Guid Session { get; }

    /// <summary>The connections.</summary>
    public IReadOnlyList<Stream> Streams { get; }

    /// <summary>Closes the connections.</summary>
    public void Dispose()
    {
        foreach (Stream stream in Streams)
        {
            try
            {
                stream.Dispose();
            }
            catch (IOException)
            {
                // it was broken already
            }
        }
    }
}
