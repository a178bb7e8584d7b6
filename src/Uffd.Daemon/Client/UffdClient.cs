using System.Text;

namespace Uffd.Daemon;

/// <summary>A range of this process's memory that a daemon is to serve.</summary>
/// <param name="Range">Registered with the userfaultfd that is handed over.</param>
/// <param name="Offset">The byte of the daemon's image that belongs at its start.</param>
/// <param name="PageSize">Its page size in bytes; 0 for the system's own.</param>
/// <param name="Shared">
/// Whether it is a private mapping of the daemon's own memfd (<see cref="OfferedImage"/>), from <paramref name="Offset"/> on, registered for
/// missing and minor faults. Where that is untrue, its pages are lost as those that cannot be had.
/// </param>
public sealed record HandedRegion(AddressRange Range, ulong Offset = 0, ulong PageSize = 0, bool Shared = false);

/// <summary>
/// Hands memory of this process over to a daemon (<c>uffd serve</c>, or anything that speaks Firecracker's handshake). From then on
/// the daemon, in its own process, resolves this memory's faults, so managed threads may touch it as they like.
/// </summary>
/// <remarks>
/// <para>
/// Keep this object and the <see cref="Userfaultfd"/> for as long as the memory is used. While this process holds a copy of the
/// descriptor, a daemon that is killed makes threads wait on missing pages; without one they would read zeros.
/// </para>
/// <para>A garbage collection waits for a thread that waits for a page: with a slow image, populate first
/// (<see cref="MemoryAdvice.PopulateRead"/>).</para>
/// </remarks>
public sealed class UffdClient : IDisposable
{
    private readonly FdChannel _channel;
    private readonly StringBuilder _said = new();
    private string? _failure;

    private UffdClient(FdChannel channel) => _channel = channel;

    /// <summary>Connects and hands over. Faults are served as soon as the daemon has read it; there is no answer to wait for.</summary>
    /// <param name="socketPath">The daemon's socket.</param>
    /// <param name="userfaultfd">After its handshake, the ranges registered. Stays owned by the caller, who should keep it open.</param>
    /// <param name="regions">The registered ranges and where in the image their content is.</param>
    /// <exception cref="UffdException">The daemon cannot be reached: the message says why.</exception>
    public static UffdClient HandOver(string socketPath, Userfaultfd userfaultfd, params IReadOnlyList<HandedRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(userfaultfd);
        ArgumentNullException.ThrowIfNull(regions);
        return HandOver(FdChannel.Connect(socketPath), userfaultfd, regions);
    }

    /// <summary>Hands over on a connection, which the client owns from now on.</summary>
    internal static UffdClient HandOver(FdChannel channel, Userfaultfd userfaultfd, params IReadOnlyList<HandedRegion> regions)
    {
        byte[] text = RegionDescription.Write(regions.Select(region => new RegionDescription(
            region.Range.Start,
            region.Range.Length,
            region.Offset,
            region.PageSize == 0 ? (ulong)Environment.SystemPageSize : region.PageSize,
            region.Shared)));
        try
        {
            channel.SetNonBlocking(false);
            channel.Send(text, userfaultfd.Handle);
            channel.SetNonBlocking(true);
            return new UffdClient(channel);
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Looks whether the daemon has refused the hand-over or has gone. Either way nobody serves the memory any more: threads that
    /// touch missing pages wait until it is handed over again, unregistered or poisoned.
    /// </summary>
    /// <param name="failure">One line that says what happened, or null.</param>
    /// <returns>Whether it has failed.</returns>
    public bool HasFailed(out string? failure)
    {
        Span<byte> buffer = stackalloc byte[512];
        var descriptors = new List<SafeDescriptorHandle>();
        while (_failure is null)
        {
            FdReceiveResult result;
            try
            {
                result = _channel.Receive(buffer, descriptors);
            }
            catch (UffdException exception)
            {
                _failure = $"the pager has gone: {exception.Message}";
                break;
            }

            if (result.WouldBlock)
            {
                break;
            }

            _said.Append(Encoding.UTF8.GetString(buffer[..result.Bytes]));
            string said = _said.ToString();
            if (result.IsEnd || said.Contains('\n', StringComparison.Ordinal) || said.Length > 4096)
            {
                _failure = said.Length == 0 ? "the pager has gone" : $"the pager refused: {said.Trim()}";
            }
        }

        descriptors.ForEach(descriptor => descriptor.Dispose());
        failure = _failure;
        return failure is not null;
    }

    /// <summary>Closes the connection. The daemon goes on serving what was handed over until this process ends.</summary>
    public void Dispose() => _channel.Dispose();
}
