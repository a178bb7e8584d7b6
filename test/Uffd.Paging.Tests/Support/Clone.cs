using System.Collections.Concurrent;
using System.Globalization;

namespace Uffd.Paging.Tests;

/// <summary>A target whose memory is a private mapping of a shared image, served by a pager that others use too.</summary>
internal sealed class Clone : IAsyncDisposable
{
    private readonly Pager? _ownPager;

    private Clone(NativeTarget target, AddressSpace space, AddressRange region, ConcurrentQueue<PagerNotice> notices, Pager? ownPager)
    {
        Target = target;
        Space = space;
        Region = region;
        Notices = notices;
        _ownPager = ownPager;
    }

    public NativeTarget Target { get; }

    public AddressSpace Space { get; }

    public AddressRange Region { get; }

    public ConcurrentQueue<PagerNotice> Notices { get; }

    public AddressSpaceStatistics Statistics => Space.GetStatistics();

    /// <summary>A path by which a process of the same user can open a descriptor of this one.</summary>
    public static string PathOf(SafeDescriptorHandle descriptor)
        => string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{descriptor.DangerousGetHandle()}");

    /// <summary>Starts one.</summary>
    /// <param name="image">What it maps.</param>
    /// <param name="pager">Who serves it; null for a pager of its own, whose notices are seen.</param>
    /// <param name="options">How; without the background fill and read-ahead unless said otherwise.</param>
    /// <param name="features">The events to ask for.</param>
    /// <param name="keepsCopy">Whether it keeps its userfaultfd.</param>
    public static async Task<Clone> StartAsync(
        SharedImage image,
        Pager? pager = null,
        AddressSpaceOptions? options = null,
        UffdFeatures features = UffdFeatures.None,
        bool keepsCopy = false)
    {
        Served.NeedFeatures(features | SharedImage.RequiredFeatures);
        NativeTarget target = await NativeTarget.StartAsync(TimeSpan.FromSeconds(30));
        Pager? own = null;
        try
        {
            AddressRange region = await target.MapFileAsync(PathOf(image.Descriptor), image.Length);
            await target.CreateUserfaultfdAsync(features);
            await target.RegisterAsync(UffdRegisterModes.Missing | UffdRegisterModes.Minor);
            Userfaultfd userfaultfd = await target.HandOverAsync();
            if (!keepsCopy)
            {
                await target.CloseUserfaultfdAsync();
            }

            var notices = new ConcurrentQueue<PagerNotice>();
            own = pager is null ? new Pager(new PagerOptions { Notice = notices.Enqueue }) : null;
            options = (options ?? new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = 0 }) with { TargetProcess = ProcessHandle.TryOpen(target.ProcessId) };
            AddressSpace space = (pager ?? own!).Attach(userfaultfd, [AddressSpaceRegion.OfShared(region, image)], options);
            return new Clone(target, space, region, notices, own);
        }
        catch
        {
            await target.DisposeAsync();
            own?.Dispose();
            throw;
        }
    }

    public Task<ulong> HashAsync(ulong offset, ulong length) => Target.HashAsync(offset, length);

    public async Task ResidentAsync() => await Space.Resident.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Target.DisposeAsync(); // first: a pager whose target is gone has nothing to settle
        await Served.DisposeInTimeAsync(Space, TimeSpan.FromSeconds(60));
        if (_ownPager is not null)
        {
            await Served.DisposeInTimeAsync(_ownPager, TimeSpan.FromSeconds(60));
        }
    }
}
