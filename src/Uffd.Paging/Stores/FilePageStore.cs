namespace Uffd.Paging;

/// <summary>
/// Pages that are kept in a file, whose length never changes. It is locked as long as it is open: no second store writes to it, and no
/// <see cref="FilePageSource"/> or <see cref="FileStream"/> of any process is open on it, whatever it wants to share. Who does not lock is not kept out.
/// </summary>
/// <remarks>
/// When this process ends, however it does, all that was written is in the file, page by page. What a loss of power leaves of
/// writes after the last flush is said in docs/stores.md.
/// </remarks>
public sealed partial class FilePageStore : IPageStore
{
    /// <summary>
    /// Reads at once past the page cache. More bring little more and make each one slower: in trials on a virtual disk 16 brought most of what 64 did.
    /// </summary>
    private const int DirectConcurrency = 16;

    private readonly StoreFile _file;
    private readonly StoredPages _data; // all others are holes
    private readonly WritesAsReads _writes;
    private volatile Exception? _lost;

    private FilePageStore(StoreFile file, FileDurability durability, StoredPages data)
    {
        _file = file;
        _data = data;
        _writes = new WritesAsReads(this);
        Durability = durability;
    }

    /// <summary>The file.</summary>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public ulong Length => _file.Length;

    /// <summary>Whether reads and writes go past the page cache.</summary>
    public bool IsDirect => _file.IsDirect;

    /// <summary>What a flush promises.</summary>
    public FileDurability Durability { get; }

    /// <summary>Past the page cache 16: each read takes the disk's time. Through it 0.</summary>
    public int Concurrency => _file.IsDirect ? DirectConcurrency : 0;

    /// <inheritdoc/>
    /// <remarks>
    /// A page is told to be a hole if it was one when the file was opened and no write of it has begun since. Who writes to the file
    /// by another way is not seen.
    /// </remarks>
    public SourceRun GetRun(ulong offset, ulong length)
        => _data.Contains(offset, length, out ulong same) ? new SourceRun(same, SourceRunKind.Data) : new SourceRun(same, SourceRunKind.Hole);

    /// <inheritdoc/>
    /// <exception cref="IOException">The file was cut short, the disk cannot read it, or the read begins behind the end.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        if (offset >= Length && !destination.IsEmpty)
        {
            throw new IOException($"the store {Path} has {Length} bytes: none at {offset}");
        }

        int available = this.AvailableAt(offset, destination.Length);
        _file.Read(offset, destination[..available]);
        destination[available..].Clear();
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The disk is full or failed, or the file was cut short: then nothing is written. The message says which.</exception>
    /// <exception cref="ArgumentException">They are not whole pages, or lie outside.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        int available = this.RequirePages(offset, source.Length);

        // Before the first byte is there: a page that was written, if only in part, is never told to be a hole again.
        _data.Add(offset, (ulong)available);
        _file.Write(offset, source[..available]);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
        => BlockingReads.Shared.RunAsync(_writes, offset, WritesAsReads.Bytes(source), cancellation);

    /// <inheritdoc/>
    /// <remarks>
    /// One that failed is final: Linux tells of pages that it could not write once, takes them for clean and perhaps drops them. A
    /// second fdatasync(2) would succeed and have saved nothing, so none is made.
    /// </remarks>
    /// <exception cref="IOException">Some of what was written since the last flush may be lost; each later flush fails as this one.</exception>
    public void Flush()
    {
        if (Durability == FileDurability.None)
        {
            return;
        }

        if (_lost is { } lost)
        {
            throw new IOException($"the store {Path} is no longer flushed, because a flush failed before: {lost.Message}", lost);
        }

        try
        {
            _file.Flush();
        }
        catch (UffdException exception)
        {
            _lost ??= exception;
            throw new IOException(
                $"the store {Path} could not be made durable, and what was written since its last flush may be lost: {UffdException.Describe(exception.Errno)}; "
                + "see to the disk, open the store anew and write all of that again",
                exception);
        }
    }

    /// <summary>Closes the file and gives up its lock. It does not flush.</summary>
    public void Dispose() => _file.Dispose();
}
