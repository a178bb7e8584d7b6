using System.Runtime.CompilerServices;

namespace Uffd.Paging.OwnMemory.Tests;

/// <summary>A region of the smallest limit over a <see cref="MemoryStore"/>, and what tests do to its pages.</summary>
internal sealed class Small : IDisposable
{
    public const int LimitPages = 64;

    private readonly Func<PagedRegion> _open;

    public Small(int pages = 256, int retries = 0, int concurrency = 0, long? length = null, Func<PagedRegionOptions, PagedRegionOptions>? options = null)
    {
        Requires.Paging();
        Store = new MemoryStore(length ?? (long)pages * MemoryStore.Page) { Concurrency = concurrency };
        PagedRegionOptions plain = new() { MemoryLimit = LimitPages * (ulong)MemoryStore.Page, ReadAheadBytes = 0, Retries = retries, OwnsStore = false };
        _open = () => PagedRegion.Create(Store, options?.Invoke(plain) ?? plain);
        Region = _open();
    }

    public MemoryStore Store { get; }

    public PagedRegion Region { get; private set; }

    public PagedMemory Memory => Region.Memory;

    /// <summary>The offset of a page.</summary>
    public static long At(int page) => (long)page * MemoryStore.Page;

    public bool IsAbsent(int page) => (Region.Pages.Get(page) & (PageBits.Ready | PageBits.Kind)) == PageBits.Absent;

    /// <summary>Holds others until there is no room for a page, written or not.</summary>
    public void Evict(int page)
    {
        var held = new List<PageLease>();
        try
        {
            for (int other = (int)Region.Pages.Count - 1; !IsAbsent(page); other--)
            {
                Assert.True(held.Count < LimitPages, $"page {page} does not go: its state is {Region.Pages.Get(page):x2}");
                if (other != page)
                {
                    held.Add(Memory.Lease(At(other), 1, PageAccess.Read));
                }
            }
        }
        finally
        {
            held.ForEach(static lease => lease.Dispose());
        }
    }

    /// <summary>Disposes the region and makes another over the same store.</summary>
    public void Reopen()
    {
        Region.Dispose();
        Region = _open();
    }

    /// <summary>Runs something on a thread of its own; whoever awaits it does not wait for ever.</summary>
    public static async Task<T> Run<T>(Func<T> action, [CallerArgumentExpression(nameof(action))] string what = "")
    {
        Task<T> task = Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return await task.Soon();
        }
        catch (TimeoutException exception) when (!task.IsCompleted)
        {
            throw new TimeoutException($"hangs: {what}", exception);
        }
    }

    public static Task Run(Action action, [CallerArgumentExpression(nameof(action))] string what = "")
        => Run(
            () =>
            {
                action();
                return true;
            },
            what);

    /// <summary>What always holds at the end: nothing is held, and all that is in memory can go.</summary>
    public void AssertSound()
    {
        Assert.Null(Store.Violation);
        Assert.Equal(0, Region.GetStatistics().Leases);
        Region.MemoryLimit = LimitPages * (ulong)MemoryStore.Page;
        Assert.True(
            SpinWait.SpinUntil(() => Region.GetStatistics().ResidentBytes <= Region.MemoryLimit, Gate.Patience),
            $"{Region.GetStatistics().ResidentBytes} bytes stay");
        for (int page = 0; page < Region.Pages.Count; page++)
        {
            Memory.Read<byte>(Math.Min(At(page), Region.Length - 1)); // each can be had: nothing was left in a state that nobody ends
        }

        Assert.True(
            SpinWait.SpinUntil(() => ResidentPages.Count(Region) * (ulong)MemoryStore.Page == Region.GetStatistics().ResidentBytes, Gate.Patience),
            $"{Region.GetStatistics().ResidentBytes} bytes are counted, and {ResidentPages.Count(Region)} pages are there");
    }

    public void Dispose()
    {
        try
        {
            Run(Region.Dispose).GetAwaiter().GetResult();
        }
        catch (IOException)
        {
            // A store that the test has left broken: what is lost is not what it asks about.
        }

        // Not freed where the region hangs: it still uses the store then, and the test has failed by the timeout.
        Store.Free();
    }
}
