namespace Uffd.Paging;

/// <summary>How sources that stand on others read from them.</summary>
internal static class SourceReads
{
    /// <summary>
    /// Reads in the way that the source asks for: a quick one here and now, for a thread of its own would cost more than the read.
    /// </summary>
    public static ValueTask ReadAnyAsync(this IPageSource source, ulong offset, Memory<byte> destination, CancellationToken cancellation, bool isAwaited = true)
    {
        if (source.Concurrency > 0)
        {
            return source is IPrioritizedPageSource prioritized
                ? prioritized.ReadAsync(offset, destination, isAwaited, cancellation)
                : source.ReadAsync(offset, destination, cancellation);
        }

        if (cancellation.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellation);
        }

        try
        {
            source.Read(offset, destination.Span);
            return ValueTask.CompletedTask;
        }
        catch (Exception exception)
        {
            return ValueTask.FromException(exception);
        }
    }

    /// <summary>How many of the bytes that are asked for the source has; those behind its end are zeros.</summary>
    public static int AvailableAt(this IPageSource source, ulong offset, int length)
        => offset >= source.Length ? 0 : (int)Math.Min((ulong)length, source.Length - offset);
}
