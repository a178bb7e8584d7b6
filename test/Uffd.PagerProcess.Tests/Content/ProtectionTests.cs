using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Content;

/// <summary>A page is protected against writing exactly as long as the store has the same: else a write would go unseen.</summary>
public class ProtectionTests
{
    [Fact]
    public async Task Page_is_protected_until_it_is_written_and_again_when_it_is_saved()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { ReadAheadBytes = 0 });
        await region.ReadAsync(0, 1);
        await region.WriteAsync(4096, 1); // the first touch is the write
        await region.ReadAsync(2 * 4096, 1);
        await region.WriteAsync(2 * 4096, 1);
        Assert.Equal([(true, true), (true, false), (true, false), (false, false)], region.LookAt(0, 4));
        Assert.Equal(2UL * 4096, region.GetStatistics().DirtyBytes);

        await region.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal([(true, true), (true, true), (true, true), (false, false)], region.LookAt(0, 4));
        Assert.Equal(0UL, region.GetStatistics().DirtyBytes);

        await region.WriteAsync(4096, 2);
        Assert.Equal([(true, true), (true, false), (true, true), (false, false)], region.LookAt(0, 4));
    }

    [Fact]
    public async Task Page_that_comes_again_is_protected_also_where_a_marker_was_left()
    {
        Requires.KernelFaults();
        using var image = new TestImage(256);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { ReadAheadBytes = 0 });
        for (int round = 0; round < 3; round++)
        {
            await region.WriteAsync(0, (byte)round);
            for (long page = 1; page < 256; page++)
            {
                await region.ReadAsync(page * 4096, 1); // drives the first page out
            }

            Assert.False(region.LookAt(0, 1)[0].IsPresent);
            Assert.Equal(round, (await region.ReadAsync(0, 1))[0]);
            Assert.Equal((true, true), region.LookAt(0, 1)[0]);
            Assert.Equal(round, image.ReadFile(0, 1)[0]);
        }
    }
}
