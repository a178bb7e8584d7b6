namespace Uffd.Paging;

/// <summary>
/// Tries failed reads again, after pauses that grow (exponential back-off with full jitter). What still fails then is the last
/// attempt's exception.
/// </summary>
public sealed class RetryingPageSource : PageSourceDecorator
{
    /// <summary>For a source that is quick as long as it does not fail.</summary>
    private const int ConcurrencyOverQuick = 16;

    private readonly RetryOptions _options;
    private readonly Dice _dice;
    private readonly CancellationTokenSource _disposed = new();
    private long _retries;

    /// <summary>Stands on a source.</summary>
    /// <param name="inner">What may fail.</param>
    /// <param name="options">How to try again.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    public RetryingPageSource(IPageSource inner, RetryOptions? options = null, bool ownsInner = true)
        : base(inner, ownsInner)
    {
        _options = options ?? new RetryOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Retries, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.FirstPause, TimeSpan.Zero, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.LongestPause, TimeSpan.Zero, nameof(options));
        _dice = new Dice(_options.Seed);
    }

    /// <summary>How many retries there were.</summary>
    public long Retries => Interlocked.Read(ref _retries);

    /// <summary>Above 0 also over a quick source: a pause on the thread that serves the faults would hold up all of them.</summary>
    public override int Concurrency => Inner.Concurrency > 0 ? Inner.Concurrency : ConcurrencyOverQuick;

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => true; // nothing is read there that could be tried again

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination)
    {
        for (int failures = 0; ; failures++)
        {
            try
            {
                Inner.Read(offset, destination);
                return;
            }
            catch (Exception exception) when (MayTryAgain(exception, failures, CancellationToken.None))
            {
                Interlocked.Increment(ref _retries);
            }

            _options.Clock.Pause(NextPause(failures), _disposed.Token);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        for (int failures = 0; ; failures++)
        {
            try
            {
                await ReadInnerAsync(offset, destination, cancellation).ConfigureAwait(false);
                return;
            }
            catch (Exception exception) when (MayTryAgain(exception, failures, cancellation))
            {
                Interlocked.Increment(ref _retries);
            }

            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _disposed.Token);
            await _options.Clock.PauseAsync(NextPause(failures), either.Token).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _disposed.Cancel(); // ends the pauses; not disposed, for a read may be about to look at it
        base.Dispose(disposing);
    }

    /// <summary>An exception of cancellation that nobody asked for, such as a time limit inside the source, is a failure like others.</summary>
    private bool MayTryAgain(Exception exception, int failures, CancellationToken cancellation)
        => failures < _options.Retries && !cancellation.IsCancellationRequested && !_disposed.IsCancellationRequested && _options.IsTransient(exception);

    private TimeSpan NextPause(int failures)
    {
        double longest = Math.Min(_options.LongestPause.TotalMilliseconds, Math.ScaleB(_options.FirstPause.TotalMilliseconds, failures));
        return TimeSpan.FromMilliseconds(longest * _dice.Roll());
    }
}
