using System.Collections.Concurrent;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// Fetches what nobody waits for, many reads at once, in order of offset from where somebody last waited: who touched a page will touch those behind it.
/// </summary>
internal sealed class StoreLandingFetcher(IPrioritizedPageSource source, StoreLandingPages pages, StoreLandingKeeper keeper, StoreLandingOptions options) : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _room = new(Math.Min(options.WindowBytes / options.ReadBytes, source.Concurrency > 0 ? source.Concurrency : int.MaxValue));
    private readonly ConcurrentBag<FetchBuffer> _buffers = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;
    private volatile bool _cannotKeep;

    /// <summary>Ends when nothing is missing any more; fails when something never comes.</summary>
    public Task Completed => _completed.Task;

    public void Start() => _ = Task.Run(RunAsync);

    /// <summary>Ends it: reads that are under way are cancelled, and keep their buffers until they have ended.</summary>
    public void Dispose() => _stop.Cancel();

    private async Task RunAsync()
    {
        TimeSpan pause = FirstPause;
        try
        {
            while (true)
            {
                await _room.WaitAsync(_stop.Token).ConfigureAwait(false);
                if (pages.TryClaimAhead(options.ReadBytes >> WirePage.Shift, out long first, out int count, out Task? changed))
                {
                    Task fetching = FetchAsync(first, count);
                    if (!_cannotKeep)
                    {
                        pause = FirstPause;
                        continue;
                    }

                    // The store fails: one at a time is tried until it does not any more.
                    await fetching.ConfigureAwait(false);
                    await Task.Delay(pause, _stop.Token).ConfigureAwait(false);
                    pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
                    continue;
                }

                _room.Release();
                if (changed is null)
                {
                    break;
                }

                await changed.WaitAsync(_stop.Token).ConfigureAwait(false);
            }

            _completed.TrySetResult();
        }
        catch (Exception exception)
        {
            _completed.TrySetException(_failure ?? (exception is OperationCanceledException
                ? new IOException("the migration was ended before all pages had come")
                : exception));
            _ = _completed.Task.Exception; // who does not look at it need not
        }
        finally
        {
            while (_buffers.TryTake(out FetchBuffer? buffer))
            {
                buffer.Free();
            }
        }
    }

    /// <summary>Does not throw.</summary>
    private async Task FetchAsync(long first, int count)
    {
        FetchBuffer buffer = _buffers.TryTake(out FetchBuffer? used) ? used : new FetchBuffer(options.ReadBytes);
        try
        {
            await FetchAsync(first, buffer.Memory[..(count << WirePage.Shift)]).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (!_stop.IsCancellationRequested)
            {
                Interlocked.CompareExchange(ref _failure, exception, null);
            }

            pages.Release(first, count, LandedPage.Ahead);
            await _stop.CancelAsync().ConfigureAwait(false);
            buffer.Free();
            return;
        }

        pages.Release(first, count, LandedPage.Ahead);
        if (_stop.IsCancellationRequested)
        {
            buffer.Free();
        }
        else
        {
            _buffers.Add(buffer);
        }

        _room.Release();
    }

    /// <summary>Pages together, or each alone when one of them cannot be had.</summary>
    private async ValueTask FetchAsync(long first, Memory<byte> content)
    {
        try
        {
            await source.ReadAsync((ulong)first << WirePage.Shift, content, isAwaited: false, _stop.Token).ConfigureAwait(false);
        }
        catch (IOException) when (!_stop.IsCancellationRequested)
        {
            for (int at = 0; at < content.Length; at += WirePage.Bytes)
            {
                await FetchAloneAsync(first + (at >> WirePage.Shift), content.Slice(at, WirePage.Bytes)).ConfigureAwait(false);
            }

            return;
        }

        _cannotKeep = !await keeper.KeepAsync(first, content, LandedPage.Ahead).ConfigureAwait(false);
    }

    private async ValueTask FetchAloneAsync(long page, Memory<byte> content)
    {
        try
        {
            await source.ReadAsync((ulong)page << WirePage.Shift, content, isAwaited: false, _stop.Token).ConfigureAwait(false);
        }
        catch (IOException) when (source.GetRun((ulong)page << WirePage.Shift, WirePage.Bytes).Kind == SourceRunKind.Poisoned)
        {
            return; // the source cannot read it either: when its claim ends it is found lost, and all others go on
        }

        _cannotKeep = !await keeper.KeepAsync(page, content, LandedPage.Ahead).ConfigureAwait(false);
    }
}
