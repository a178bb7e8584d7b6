using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Support;

/// <summary>The pages that are missing, given out in a random order.</summary>
internal sealed class MissingPages(List<int> missing, Random random)
{
    private readonly SortedSet<int> _left = [.. missing];

    /// <summary>Some pages, one behind the other; none when all were given out.</summary>
    public int[] Take(int most)
    {
        lock (_left)
        {
            if (_left.Count == 0)
            {
                return [];
            }

            int around = random.Next(_left.Min, _left.Max + 1);
            int first = _left.GetViewBetween(around, int.MaxValue).Min;
            int[] run = [.. Enumerable.Range(first, most).TakeWhile(_left.Contains)];
            _left.ExceptWith(run);
            return run;
        }
    }
}

/// <summary>A thread that fetches missing pages: some as a fault would, some as a background does, some given up on their way and asked for again.</summary>
internal sealed class PageFetcher : IDisposable
{
    private const int PageBytes = TestMemory.PageBytes;
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(30));

    private readonly TestLanding _landing;
    private readonly IMigratedPages _pages;
    private readonly MissingPages _left;
    private readonly Random _random;
    private readonly Violations _violations;
    private readonly Thread _thread;
    private volatile bool _ends;

    public PageFetcher(TestLanding landing, IMigratedPages pages, MissingPages left, Random random, Violations violations)
    {
        _landing = landing;
        _pages = pages;
        _left = left;
        _random = random;
        _violations = violations;
        _thread = new Thread(Run) { IsBackground = true, Name = "fetcher" };
        _thread.Start();
    }

    /// <summary>Ends it. Its reads must have been ended by whoever answers them.</summary>
    public void Dispose()
    {
        _ends = true;
        if (Thread.CurrentThread != _thread && !_thread.Join(Patience))
        {
            _violations.Add($"a read of region {_landing.Region.Index} does not end when the destination does");
        }
    }

    private void Run()
    {
        try
        {
            for (int[] run = _left.Take(_random.Next(1, 9)); run.Length > 0 && !_ends; run = _left.Take(_random.Next(1, 9)))
            {
                Fetch(run);
            }
        }
        catch (Exception exception)
        {
            _violations.Add($"a read failed with something else than an error of input: {exception}");
        }
    }

    private void Fetch(ReadOnlySpan<int> run)
    {
        byte[] content = new byte[run.Length * PageBytes];
        if (!TryRead(run[0], content, out string? failure))
        {
            if (run.Length > 1)
            {
                foreach (int page in run)
                {
                    Fetch([page]); // one of them may be lost
                }
            }
            else if (!_ends)
            {
                Settle(run[0], failure);
            }

            return;
        }

        if (_random.Next(8) == 0)
        {
            byte[] again = new byte[content.Length];
            if (TryRead(run[0], again, out _) && !again.AsSpan().SequenceEqual(content))
            {
                _violations.Add($"page {run[0]} of region {_landing.Region.Index} is another when it is fetched again");
            }
        }

        for (int index = 0; index < run.Length; index++)
        {
            _landing.Fetched(run[index], content.AsSpan(index * PageBytes, PageBytes));
        }
    }

    /// <summary>A page whose reading fails is lost; with a reason.</summary>
    private void Settle(int page, string? failure)
    {
        SourceRunKind kind = _pages.GetRun((ulong)page * PageBytes, PageBytes).Kind;
        if (kind != SourceRunKind.Poisoned && !_landing.IsGivenUp())
        {
            _violations.Add($"page {page} of region {_landing.Region.Index} cannot be fetched, is told to be {kind}, and the source is not given up: {failure}");
        }

        _landing.Settle(page, _landing.IsGivenUp() ? LandedPage.GivenUp : LandedPage.Poisoned);
    }

    private bool TryRead(int page, byte[] content, out string? failure)
    {
        long start = Stopwatch.GetTimestamp();
        failure = null;
        content.AsSpan().Fill(0xDD); // what is not filled is seen
        while (Stopwatch.GetElapsedTime(start) < Patience && !_ends)
        {
            try
            {
                int way = _random.Next(4);
                ulong offset = (ulong)page * PageBytes;
                if (way == 0)
                {
                    _pages.Read(offset, content);
                }
                else
                {
                    using var impatience = new CancellationTokenSource();
                    ValueTask read = _pages.ReadAsync(offset, content, isAwaited: way != 1, impatience.Token);
                    if (way == 1 && _random.Next(2) == 0)
                    {
                        _pages.Expedite(offset, content.Length); // somebody has come to wait for it
                    }

                    if (way == 3 && _random.Next(3) == 0)
                    {
                        impatience.Cancel();
                    }

                    read.AsTask().Wait(CancellationToken.None);
                }

                return true;
            }
            catch (Exception exception) when (exception is OperationCanceledException or AggregateException { InnerException: OperationCanceledException })
            {
                // given up on its way: again
            }
            catch (Exception exception) when (exception is IOException or AggregateException { InnerException: IOException } or ObjectDisposedException or AggregateException { InnerException: ObjectDisposedException })
            {
                failure = exception.Message;
                return false;
            }
        }

        return false;
    }
}
