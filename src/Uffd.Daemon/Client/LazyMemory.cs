using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>
/// Memory of this process whose content a daemon brings from its image when it is touched: the mapping, its userfaultfd and the
/// hand-over in one. Usable at once, before any of it has arrived.
/// </summary>
public sealed class LazyMemory : IDisposable
{
    private readonly Userfaultfd _userfaultfd;
    private readonly UffdClient _client;
    private int _disposed;

    private LazyMemory(MemoryMapping mapping, Userfaultfd userfaultfd, UffdClient client)
    {
        Mapping = mapping;
        _userfaultfd = userfaultfd;
        _client = client;
    }

    /// <summary>The memory.</summary>
    public MemoryMapping Mapping { get; }

    /// <summary>Maps private anonymous memory and has the daemon serve it.</summary>
    /// <param name="socketPath">The daemon's socket.</param>
    /// <param name="length">How many bytes of the image, at most all of it; rounded up to whole pages.</param>
    /// <param name="offset">Where in the image to begin: a multiple of the page size.</param>
    /// <param name="pages">The pages to use: huge ones arrive whole.</param>
    /// <exception cref="UffdException">No userfaultfd may be created, no memory, or no daemon: the message says which and what to do.</exception>
    public static LazyMemory Map(string socketPath, ulong length, ulong offset = 0, MappingPages pages = MappingPages.Base)
        => HandOver(
            MemoryMapping.CreateAnonymous(length, new MemoryMappingOptions { Pages = pages }),
            UffdFeatures.None,
            UffdRegisterModes.Missing,
            (mapping, userfaultfd) => UffdClient.HandOver(socketPath, userfaultfd, new HandedRegion(mapping.Range, offset, mapping.PageSize)));

    /// <summary>
    /// Maps the daemon's own memory of its image privately: what nobody has written is in memory once for all who do so, and what this
    /// process writes is its own. Discarded pages (<see cref="MemoryAdvice.DontNeed"/>) are the image's again, and not zeros.
    /// </summary>
    /// <remarks>
    /// Keep the daemon for as long as the memory is used, also when all of it has been touched: where memory is short the kernel drops shared
    /// pages, and the daemon is asked for them again. One that is stopped in order hands over to the kernel what it has whole.
    /// </remarks>
    /// <param name="socketPath">The daemon's socket.</param>
    /// <param name="length">How many bytes of the image, at most all of it; rounded up to whole pages.</param>
    /// <param name="offset">Where in the image to begin: a multiple of the page size.</param>
    /// <exception cref="UffdException">
    /// As of <see cref="Map"/>; and the daemon does not share its image, or this kernel has no MINOR_SHMEM (Linux 5.14): then
    /// <see cref="UffdException.IsUnavailable"/> is set, and <see cref="Map"/> is what is left. It is never taken by itself, for it costs memory.
    /// </exception>
    public static LazyMemory MapShared(string socketPath, ulong length, ulong offset = 0)
    {
        FdChannel channel = FdChannel.Connect(socketPath);
        try
        {
            using OfferedImage image = OfferedImage.Ask(channel);
            if (offset > image.Length || length > image.Length - offset)
            {
                throw new UffdException($"{length} bytes from {offset} on lie beyond the image, which has {image.Size} bytes");
            }

            return HandOver(
                MemoryMapping.MapMemfd(image.Memfd, offset, length, new MemoryMappingOptions { Shared = false }),
                SharedImage.RequiredFeatures,
                UffdRegisterModes.Missing | UffdRegisterModes.Minor,
                (mapping, userfaultfd) => UffdClient.HandOver(channel, userfaultfd, new HandedRegion(mapping.Range, offset, mapping.PageSize, Shared: true)));
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    /// <summary>Looks whether the daemon has refused or has gone: <see cref="UffdClient.HasFailed"/>.</summary>
    /// <param name="failure">One line that says what happened, or null.</param>
    public bool HasFailed(out string? failure) => _client.HasFailed(out failure);

    private static LazyMemory HandOver(
        MemoryMapping mapping,
        UffdFeatures required,
        UffdRegisterModes modes,
        Func<MemoryMapping, Userfaultfd, UffdClient> handOver)
    {
        Userfaultfd? userfaultfd = null;
        try
        {
            // The daemon learns of what this process discards; without the privilege for more, user-mode faults do.
            userfaultfd = Userfaultfd.Create(new UserfaultfdOptions
            {
                RequiredFeatures = required,
                OptionalFeatures = UffdFeatures.EventRemove | UffdFeatures.EventUnmap | UffdFeatures.EventRemap | UffdFeatures.ThreadId, // it tells threads that go through the memory apart
            });
            userfaultfd.Register(mapping.Range, modes);
            return new LazyMemory(mapping, userfaultfd, handOver(mapping, userfaultfd));
        }
        catch
        {
            // As in Dispose: nobody reads of an unmapping here, so it would wait for ever.
            if (userfaultfd is not null)
            {
                userfaultfd.Unregister(mapping.Range);
                userfaultfd.Dispose();
            }

            mapping.Dispose();
            throw;
        }
    }

    /// <summary>Unmaps the memory, then lets go of the daemon.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        // With EVENT_UNMAP the unmapping waits until the daemon has read of it; taking the range out first does not.
        _userfaultfd.Unregister(Mapping.Range);
        Mapping.Dispose();
        _userfaultfd.Dispose();
        _client.Dispose();
    }
}
