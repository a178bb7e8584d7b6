using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Serves the pages of sources that nobody writes to, to any number of <see cref="PageClient"/>s: a migration that has nothing but its post-copy.</summary>
public sealed class PageServer : IDisposable
{
    /// <summary>Prepares it.</summary>
    /// <param name="sources">The regions. Not disposed.</param>
    /// <param name="names">What they are called; null for numbers.</param>
    /// <param name="options">How; null for the defaults.</param>
    public PageServer(IReadOnlyList<IPageSource> sources, IReadOnlyList<string>? names = null, MigrationSourceOptions? options = null) => throw new NotSupportedException();

    /// <summary>Takes in links until it is cancelled, and serves each in the background; a link of a session that is being served resumes it.</summary>
    /// <param name="listener">Where clients connect. Not disposed.</param>
    /// <param name="cancellation">Ends it, and every client.</param>
    public Task RunAsync(MigrationListener listener, CancellationToken cancellation) => throw new NotSupportedException();

    /// <summary>How far each client is.</summary>
    public IReadOnlyList<MigrationProgress> GetProgress() => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>The pages of a <see cref="PageServer"/>, or of a <see cref="MigrationSource"/> that switches at once: a page source for everything that wants one.</summary>
public sealed class PageClient : IDisposable
{
    /// <summary>The regions.</summary>
    public IReadOnlyList<MigrationRegion> Regions => throw new NotSupportedException();

    /// <summary>The pages of each. Not to be disposed on their own.</summary>
    public IReadOnlyList<IMigratedPages> Pages => throw new NotSupportedException();

    /// <summary>Connects. When the connection breaks it is made again, with pauses that grow to a second, for as long as it takes: reads wait.</summary>
    /// <param name="connect">Makes a link of the session that it is given.</param>
    /// <param name="observer">Told of what happens; null for nobody.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">It cannot be connected.</exception>
    public static Task<PageClient> ConnectAsync(Func<Guid, CancellationToken, Task<MigrationLink>> connect, Action<MigrationEvent>? observer = null, CancellationToken cancellation = default)
        => throw new NotSupportedException();

    /// <summary>The server is gone for good: reads fail from now on.</summary>
    /// <param name="reason">Why, for those who touch what is lost.</param>
    public void GiveUp(string reason) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
