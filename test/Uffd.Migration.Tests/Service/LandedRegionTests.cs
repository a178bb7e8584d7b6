using Uffd.Migration.Tests.Service.Support;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Service;

/// <summary>A region over a landing: it is worked with while its pages come, and every byte is what it was or what was written since.</summary>
public sealed class LandedRegionTests
{
    private const int Page = 4096;
    private const int Pages = 1024;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Work_at_random_while_pages_come_sees_what_it_should(int seed)
    {
        RequireOwnMemory();
        var pages = new FakePages(Pages);
        var random = new Random(seed);
        byte[] model = new byte[Pages * Page];
        using var landing = new StoreLanding(
            new MigrationRegion(0, "store", Pages * Page),
            new MemoryPageStore(Pages * Page),
            new StoreLandingOptions { ReadBytes = 4 * Page, WindowBytes = 8 * Page });
        for (int page = 0; page < Pages; page++)
        {
            pages[page] = random.Next(4) == 0 ? SourceRunKind.Hole : SourceRunKind.Data;
            if (random.Next(2) == 0)
            {
                byte[] old = new byte[Page];
                random.NextBytes(old);
                landing.Write((ulong)page * Page, old);
                old.CopyTo(model, page * Page);
            }

            if (pages[page] == SourceRunKind.Data)
            {
                FakePages.Content(page).CopyTo(model, page * Page);
            }
        }

        using var region = PagedRegion.Create(landing.Store, new PagedRegionOptions { MemoryLimit = 128 * Page }); // pages go and come all the time
        landing.Switch(pages);
        byte[] bytes = new byte[3 * Page];
        for (int turn = 0; turn < 4000; turn++)
        {
            int length = random.Next(1, bytes.Length);
            int offset = random.Next(model.Length - length);
            Span<byte> some = bytes.AsSpan(0, length);
            if (random.Next(2) == 0)
            {
                random.NextBytes(some);
                some.CopyTo(model.AsSpan(offset));
                region.Memory.CopyFrom(offset, some);
            }
            else
            {
                region.Memory.CopyTo(offset, some);
                Assert.True(some.SequenceEqual(model.AsSpan(offset, length)), $"{length} bytes at {offset} in turn {turn}");
            }
        }

        await landing.Completed.Soon();
        byte[] all = new byte[model.Length];
        region.Memory.CopyTo(0, all);
        Assert.True(all.AsSpan().SequenceEqual(model));
    }

    [Fact]
    public async Task A_lost_page_is_an_exception_of_who_reads_it_and_can_be_written_anew()
    {
        RequireOwnMemory();
        var pages = new FakePages(64);
        pages.Unreadable[9] = true;
        using var landing = new StoreLanding(new MigrationRegion(0, "store", 64 * Page), new MemoryPageStore(64 * Page));
        using var region = PagedRegion.Create(landing.Store, new PagedRegionOptions { Retries = 0 });
        landing.Switch(pages);
        await landing.Completed.Soon();
        Assert.Throws<IOException>(() => region.Memory.Read<long>(9 * Page));
        Assert.Equal(9, region.Memory.Read<long>(8 * Page));
        byte[] whole = new byte[Page];
        whole.AsSpan().Fill(3);
        region.Memory.CopyFrom(9 * Page, whole);
        region.Flush();
        Assert.Equal(0x0303, region.Memory.Read<short>(9 * Page));
        Assert.Equal(0UL, landing.GetStatistics().LostBytes);
    }

    private static void RequireOwnMemory()
    {
        Requires.Paging();
        Requires.Features(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
    }
}
