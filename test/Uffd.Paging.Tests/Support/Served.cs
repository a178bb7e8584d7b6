using System.Collections.Concurrent;
using System.Diagnostics;

namespace Uffd.Paging.Tests;

/// <summary>How a target is set up and served.</summary>
internal sealed record Setup
{
    public TargetMemory Memory { get; init; }

    public bool? Shared { get; init; }

    public UffdFeatures Features { get; init; }

    public ulong PageSize { get; init; }

    /// <summary>Whether the pager is told which process it is.</summary>
    public bool KnowsProcess { get; init; } = true;

    /// <summary>How many bytes of the mapping the pager is told of; null for all.</summary>
    public ulong? Told { get; init; }

    /// <summary>Whether the target keeps its copy of the userfaultfd, so that a test can ask for one of its own.</summary>
    public bool KeepsCopy { get; init; }

    /// <summary>Which runs of the region are there when it is attached.</summary>
    public IReadOnlyList<SourceRange>? AlreadyThere { get; init; }

    /// <summary>Done after mapping and before registering.</summary>
    public Func<NativeTarget, Task>? Prepare { get; init; }

    /// <summary>Without the background fill unless said otherwise.</summary>
    public AddressSpaceOptions Options { get; init; } = new() { BackgroundFill = false };

    /// <summary>A pager that others use too; its notices are not seen.</summary>
    public Pager? SharedPager { get; init; }

    public Action<PagerNotice>? Notice { get; init; }

    public Action<AddressSpace>? Forked { get; init; }
}

/// <summary>A target with one region, served by a pager. The target's own copy of the userfaultfd is closed.</summary>
internal sealed class Served : IAsyncDisposable
{
    public const UffdFeatures AllEvents =
        UffdFeatures.EventFork | UffdFeatures.EventRemap | UffdFeatures.EventRemove | UffdFeatures.EventUnmap;

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private bool _sharesPager;

    private Served(NativeTarget target, Pager pager, AddressSpace space, AddressRange region, ConcurrentQueue<PagerNotice> notices)
    {
        Target = target;
        Pager = pager;
        Space = space;
        Region = region;
        Notices = notices;
    }

    public NativeTarget Target { get; }

    public Pager Pager { get; }

    public AddressSpace Space { get; }

    /// <summary>Where the region was at first.</summary>
    public AddressRange Region { get; }

    public ConcurrentQueue<PagerNotice> Notices { get; }

    /// <summary>
    /// The counts when they stand still: a thread goes on before what was done for it is counted, and a test that it told of is
    /// quicker still.
    /// </summary>
    public AddressSpaceStatistics Statistics
    {
        get
        {
            AddressSpaceStatistics before = Space.GetStatistics();
            for (int tries = 0; ; tries++)
            {
                Thread.Sleep(2);
                AddressSpaceStatistics now = Space.GetStatistics();
                if (tries == 20 || Counts(now) == Counts(before))
                {
                    return now;
                }

                before = now;
            }

            static (long, long, long, long, long) Counts(AddressSpaceStatistics of)
                => (of.Faults, of.FilledPages, of.RemovedPages + of.PoisonedPages, of.PendingPages, of.AlreadyPresent + of.Retries + of.SourceFailures + of.Events);
        }
    }

    public static ulong Page => Pattern.Page;

    public static async Task<Served> StartAsync(ulong length, IPageSource source, Setup? setup = null)
    {
        setup ??= new Setup();
        NeedFeatures(setup.Features);
        NativeTarget target = await NativeTarget.StartAsync(TimeSpan.FromSeconds(30));
        Pager? pager = null;
        try
        {
            AddressRange region = await target.MapAsync(length, setup.Memory, setup.Shared);
            if (setup.Prepare is not null)
            {
                await setup.Prepare(target);
            }

            await target.CreateUserfaultfdAsync(setup.Features);
            await target.RegisterAsync(UffdRegisterModes.Missing);
            Userfaultfd userfaultfd = await target.HandOverAsync();
            if (!setup.KeepsCopy)
            {
                await target.CloseUserfaultfdAsync();
            }

            var notices = new ConcurrentQueue<PagerNotice>();
            pager = setup.SharedPager ?? new Pager(new PagerOptions
            {
                Notice = notice =>
                {
                    notices.Enqueue(notice);
                    setup.Notice?.Invoke(notice);
                },
                Forked = setup.Forked,
            });
            AddressSpaceOptions options = setup.Options with { TargetProcess = setup.KnowsProcess ? ProcessHandle.TryOpen(target.ProcessId) : null };
            var told = new AddressRange(region.Start, setup.Told ?? region.Length);
            AddressSpace space = pager.Attach(userfaultfd, [new AddressSpaceRegion(told, source, SourceOffset: 0, setup.PageSize) { AlreadyThere = setup.AlreadyThere }], options);
            return new Served(target, pager, space, region, notices) { _sharesPager = setup.SharedPager is not null };
        }
        catch
        {
            await target.DisposeAsync();
            pager?.Dispose();
            throw;
        }
    }

    public static void NeedFeatures(UffdFeatures features)
    {
        Requires.Features(features | UffdFeatures.Poison);
        if (features.HasFlag(UffdFeatures.EventFork))
        {
            Requires.Root();
        }
    }

    /// <summary>Waits until something holds that nobody announces.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what, TimeSpan? patience = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < (patience ?? Patience), $"in vain waited for: {what}");
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>
    /// Waits until an event of the target is unread, seen from a second copy of its userfaultfd: fills answer EAGAIN then, before
    /// they look at anything else.
    /// </summary>
    /// <param name="other">The second copy.</param>
    /// <param name="present">A page that is there, so that nothing is changed meanwhile.</param>
    public static Task UntilEventIsUnreadAsync(Userfaultfd other, AddressRange present)
        => UntilAsync(() => other.ZeroPage(present, UffdZeroPageModes.DontWake).Errno == Errno.EAGAIN, "an event that nobody reads");

    /// <summary>Waits until a notice of a kind has come.</summary>
    public Task UntilNoticeAsync(PagerNoticeKind kind)
        => UntilAsync(() => Notices.Any(notice => notice.Kind == kind), $"the notice {kind}");

    /// <summary>Waits for so many faults.</summary>
    public Task UntilFaultsAsync(long count) => UntilAsync(() => Statistics.Faults >= count, $"{count} faults, there are {Statistics.Faults}");

    public async Task<AddressSpaceEnd> EndAsync() => await Space.Ended.WaitAsync(Patience, TestContext.Current.CancellationToken);

    public async Task ResidentAsync() => await Space.Resident.WaitAsync(Patience, TestContext.Current.CancellationToken);

    /// <summary>Disposes the pager on a thread of its own, so that no test waits for ever.</summary>
    public Task StopAsync(TimeSpan? patience = null) => DisposeInTimeAsync(Pager, patience);

    public static Task DisposeInTimeAsync(IDisposable one, TimeSpan? patience = null)
        => NativeTouch.Run(
            () =>
            {
                one.Dispose();
                return true;
            },
            patience ?? Patience);

    /// <summary>The hash of some of the region, where it was at first or at <paramref name="at"/>.</summary>
    public async Task<ulong> HashAsync(ulong offset, ulong length, ulong? at = null)
        => await Target.HashAsync(unchecked((at ?? Region.Start) + offset - (await Target.GetRegionAsync()).Start), length);

    /// <summary>Touches an address, wherever the target's own idea of its region is.</summary>
    public async Task<TouchResult> TouchAtAsync(ulong address)
        => await Target.TouchAsync(unchecked(address - (await Target.GetRegionAsync()).Start));

    /// <summary>Reads words at random from several threads, and compares them with the pattern.</summary>
    /// <returns>How many were wrong.</returns>
    public async Task<ulong> RoamAsync(int threads, int count, ulong salt)
        => ulong.Parse(await Target.RunAsync($"roam {threads} {count} {Random.Shared.NextInt64()} {salt}"), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Moves, shrinks or grows memory; gives the new address.</summary>
    public async Task<ulong> RemapAsync(ulong from, ulong length, ulong newLength, ulong? to = null)
        => Convert.ToUInt64(await Target.RunAsync($"remap {from} {length} {newLength}{(to is { } place ? $" {place}" : "")}"), 16);

    /// <summary>Addresses that nothing uses.</summary>
    public async Task<ulong> PlaceAsync(ulong length) => Convert.ToUInt64(await Target.RunAsync($"place {length}"), 16);

    /// <summary>How many pages have all of some categories.</summary>
    public ulong CountPages(PageCategories categories, AddressRange? range = null)
    {
        using PagemapScan scan = PagemapScan.Open(Target.ProcessId);
        var options = new PagemapScanOptions { AllOf = categories, Report = categories, RequireWriteProtectAsync = false };
        return scan.ScanAll(range ?? Region, options).Aggregate(0UL, (sum, run) => sum + (run.Range.Length / Page));
    }

    public async ValueTask DisposeAsync()
    {
        await Target.DisposeAsync(); // first: a pager whose target is gone has nothing to settle
        await DisposeInTimeAsync(Space, TimeSpan.FromSeconds(60));
        if (!_sharesPager)
        {
            await StopAsync(TimeSpan.FromSeconds(60));
        }
    }
}
