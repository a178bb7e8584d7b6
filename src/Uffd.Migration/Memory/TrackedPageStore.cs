using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// A page store that notes, while that is asked for, which pages are written to it. A <see cref="PagedRegion"/> over one can be moved: see
/// <see cref="PagedRegionMemory"/>. When nothing is moved it costs a lock for each write.
/// </summary>
/// <param name="inner">What it stands on.</param>
/// <param name="ownsInner">Whether disposing this disposes that.</param>
public sealed class TrackedPageStore(IPageStore inner, bool ownsInner = true) : PageStoreDecorator(inner, ownsInner)
{
    private readonly PageTurns _turns = new();

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => true;

    internal WrittenPages Written { get; } = new(inner.Length);

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination) => Inner.Read(offset, destination);

    /// <inheritdoc/>
    public override ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadInnerAsync(offset, destination, cancellation);

    /// <inheritdoc/>
    public override void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        var range = new SourceRange(offset, (ulong)source.Length);
        PageTurns.Turn turn = _turns.Enter(range, isWrite: true);
        try
        {
            Inner.Write(offset, source);
        }
        finally
        {
            Leave(turn, range);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        var range = new SourceRange(offset, (ulong)source.Length);
        PageTurns.Turn turn = await _turns.EnterAsync(range, isWrite: true, cancellation).ConfigureAwait(false);
        try
        {
            await WriteInnerAsync(offset, source, cancellation).ConfigureAwait(false);
        }
        finally
        {
            Leave(turn, range);
        }
    }

    /// <inheritdoc/>
    public override void Flush() => Inner.Flush();

    /// <summary>A read that nobody keeps away from writes of the same pages: it waits for them, and they for it.</summary>
    internal void ReadWhileWritten(ulong offset, Span<byte> destination)
    {
        PageTurns.Turn turn = _turns.Enter(new SourceRange(offset, (ulong)destination.Length), isWrite: false);
        try
        {
            Inner.Read(offset, destination);
        }
        finally
        {
            _turns.Leave(turn);
        }
    }

    /// <summary>The same without holding a thread up.</summary>
    internal async ValueTask ReadWhileWrittenAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        PageTurns.Turn turn = await _turns.EnterAsync(new SourceRange(offset, (ulong)destination.Length), isWrite: false, cancellation).ConfigureAwait(false);
        try
        {
            await ReadInnerAsync(offset, destination, cancellation).ConfigureAwait(false);
        }
        finally
        {
            _turns.Leave(turn);
        }
    }

    /// <summary>
    /// Noted when it has ended, also when it failed: who is told of it, and reads, reads what it wrote. Noted before, it could be told, and its page be read where it
    /// lies in memory, before its first byte is written; nobody would read it again.
    /// </summary>
    private void Leave(PageTurns.Turn turn, SourceRange range)
    {
        Written.Note(range);
        _turns.Leave(turn);
    }
}
