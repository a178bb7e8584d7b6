namespace Uffd.Paging.Tests.Load;

/// <summary>Many at once, and a runtime that collects all the time.</summary>
public class LoadTests
{
    [Fact]
    public async Task Sixteen_processes_are_served_at_once()
    {
        const ulong Length = 16 << 20;
        const int Count = 16;
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.File("image"), Pattern.Bytes(Length, salt: 11), TestContext.Current.CancellationToken);
        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        ulong expected = Pattern.Hash(Length, salt: 11);
        using var pager = new Pager();
        Served[] all = await Task.WhenAll(Enumerable.Range(0, Count).Select(index => Served.StartAsync(Length, source, new Setup
        {
            SharedPager = pager,
            Memory = index % 2 == 0 ? TargetMemory.Anonymous : TargetMemory.Memfd,
            Features = index % 3 == 0 ? UffdFeatures.EventRemove : UffdFeatures.None,
            Options = new AddressSpaceOptions { BackgroundFill = index % 4 != 3 },
        })));
        try
        {
            Assert.Equal(Count, pager.AddressSpaces.Count);
            ulong[] wrong = await Task.WhenAll(all.Select(served => served.RoamAsync(4, 300, salt: 11)));
            Assert.All(wrong, count => Assert.Equal(0UL, count));
            ulong[] hashes = await Task.WhenAll(all.Select(served => served.HashAsync(0, Length)));
            Assert.All(hashes, hash => Assert.Equal(expected, hash));
            Assert.All(all, served => Assert.Equal(0, served.Statistics.PoisonedPages + served.Statistics.OutsideFaults));
        }
        finally
        {
            foreach (Served served in all)
            {
                await served.DisposeAsync();
            }
        }

        Assert.Empty(pager.AddressSpaces);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Collections_hold_up_nobody(bool background)
    {
        const ulong Length = 16 << 20;
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.File("image"), Pattern.Bytes(Length, salt: 6), TestContext.Current.CancellationToken);
        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Features = Served.AllEvents,
            Options = new AddressSpaceOptions { BackgroundFill = background },
        });
        using var stop = new CancellationTokenSource();
        Task<int> collecting = NativeTouch.Run(
            () =>
            {
                int before = GC.CollectionCount(2);
                while (!stop.IsCancellationRequested)
                {
                    GC.Collect();
                    Thread.Sleep(1); // on an idle machine collections back to back leave nobody the time to run at all
                }

                return GC.CollectionCount(2) - before;
            },
            TimeSpan.FromMinutes(2));
        Assert.Equal(0UL, await served.RoamAsync(8, 1500, salt: 6));
        await served.Target.ForkAsync();
        Assert.Equal(Pattern.Hash(Length, salt: 6), await served.Target.Child.HashAsync(0, Length));
        Assert.Equal(Pattern.Hash(Length, salt: 6), await served.HashAsync(0, Length));
        await stop.CancelAsync();
        Assert.True(await collecting > 10, "the runtime hardly collected");
    }
}
