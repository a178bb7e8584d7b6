using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Regions one after another, as a single source.</summary>
/// <param name="parts">The regions, in order. Not disposed with this.</param>
public sealed class JoinedPages(IReadOnlyList<IMigratedPages> parts) : IPrioritizedPageSource
{
    private readonly IMigratedPages[] _parts = [.. parts];

    /// <inheritdoc/>
    public ulong Length { get; } = parts.Aggregate(0UL, (sum, part) => checked(sum + part.Length));

    /// <inheritdoc/>
    public int Concurrency { get; } = parts.Select(part => part.Concurrency).Where(limit => limit > 0).DefaultIfEmpty(0).Min();

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (Find(ref offset) is not { } part)
        {
            return new SourceRun(length, SourceRunKind.Hole);
        }

        return part.GetRun(offset, Math.Min(length, part.Length - offset));
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            ulong within = offset;
            if (Find(ref within) is not { } part)
            {
                destination.Clear();
                return;
            }

            int count = (int)Math.Min((ulong)destination.Length, part.Length - within);
            part.Read(within, destination[..count]);
            destination = destination[count..];
            offset += (ulong)count;
        }
    }

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadAsync(offset, destination, isAwaited: true, cancellation);

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        ulong within = offset;
        return Find(ref within) is { } part && (ulong)destination.Length <= part.Length - within
            ? part.ReadAsync(within, destination, isAwaited, cancellation)
            : ReadPiecesAsync(offset, destination, isAwaited, cancellation);
    }

    /// <summary>Leaves the regions as they are.</summary>
    public void Dispose()
    {
    }

    private async ValueTask ReadPiecesAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        while (!destination.IsEmpty)
        {
            ulong within = offset;
            if (Find(ref within) is not { } part)
            {
                destination.Span.Clear();
                return;
            }

            int count = (int)Math.Min((ulong)destination.Length, part.Length - within);
            await part.ReadAsync(within, destination[..count], isAwaited, cancellation).ConfigureAwait(false);
            destination = destination[count..];
            offset += (ulong)count;
        }
    }

    /// <summary>The part that has a byte, and where in it that is; null behind the last.</summary>
    private IMigratedPages? Find(ref ulong offset)
    {
        foreach (IMigratedPages part in _parts)
        {
            if (offset < part.Length)
            {
                return part;
            }

            offset -= part.Length;
        }

        return null;
    }
}
