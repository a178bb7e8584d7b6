using Uffd.PagerProcess.Client;
using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Content;

/// <summary>What is read is what was written last, whatever has been evicted in between.</summary>
public class ContentTests
{
    private const int Pages = 1024;

    [Theory]
    [InlineData("", 1)]
    [InlineData("", 2)]
    [InlineData(";concurrency=4", 3)]
    [InlineData(";concurrency=16;delay=1", 4)]
    public async Task Random_touches_far_above_the_limit_equal_a_model(string options, int seed)
    {
        Requires.KernelFaults();
        using var image = new TestImage(Pages);
        byte[] model = new byte[image.Length];
        Pattern.Fill(0, model);
        await using (RawPagedRegion region = RawPagedRegion.Start(image.Describe(options), RegionTouch.Small))
        {
            Assert.Equal(image.Length, region.Length);
            var random = new Random(seed);
            int touches = options.Contains("delay", StringComparison.Ordinal) ? 500 : 3000;
            for (int touch = 0; touch < touches; touch++)
            {
                int length = random.Next(4) == 0 ? random.Next(1, 40_000) : random.Next(1, 64);
                int offset = random.Next((int)image.Length - length);
                if (random.Next(2) == 0)
                {
                    byte value = (byte)random.Next(256);
                    await region.WriteAsync(offset, value, length);
                    model.AsSpan(offset, length).Fill(value);
                }
                else
                {
                    byte[] read = await region.ReadAsync(offset, length);
                    Assert.True(model.AsSpan(offset, length).SequenceEqual(read), $"touch {touch} at {offset}");
                }

                if (touch % 500 == 499)
                {
                    await region.FlushAsync(TestContext.Current.CancellationToken);
                }
            }

            RawRegionStatistics statistics = region.GetStatistics();
            Assert.True(statistics.EvictedPages > Pages, statistics.ToString());
            Assert.True(statistics.WrittenPages > 0, statistics.ToString());
        }

        Assert.True(model.AsSpan().SequenceEqual(image.ReadFile(0, model.Length)));
    }

    [Fact]
    public async Task Limit_is_kept_as_the_kernel_counts()
    {
        Requires.KernelFaults();
        using var image = new TestImage(Pages);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        ulong most = 0;
        for (int round = 0; round < 4; round++)
        {
            for (long page = 0; page < Pages; page += 8)
            {
                await (round % 2 == 0 ? region.WriteAsync(page * 4096, 1) : region.ReadAsync(page * 4096, 1));
                most = Math.Max(most, page % 64 == 0 ? region.GetStatistics().MemoryBytes : 0);
            }
        }

        Assert.InRange(most, RawRegionOptions.SmallestMemoryLimit / 2, RawRegionOptions.SmallestMemoryLimit);
    }

    [Fact]
    public async Task Length_that_is_no_whole_page_reads_zeros_behind_it_and_keeps_the_files_length()
    {
        Requires.KernelFaults();
        using var image = new TestImage(3);
        using (FileStream file = File.OpenWrite(image.Path))
        {
            file.SetLength((2 * 4096) + 100);
        }

        await using (RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small))
        {
            Assert.Equal((2 * 4096) + 100, region.Length);
            Assert.All(await region.ReadAsync(region.Length, 4096 - 100), value => Assert.Equal(0, value));
            await region.WriteAsync(region.Length - 1, 7, length: 2);
            Assert.Throws<ArgumentOutOfRangeException>(() => region.AsSpan(region.Length - 1, 2).Length);
        }

        Assert.Equal((2 * 4096) + 100, new FileInfo(image.Path).Length);
        Assert.Equal(7, image.ReadFile((2 * 4096) + 99, 1)[0]);
    }

    [Fact]
    public async Task Input_of_the_kernel_goes_straight_into_it()
    {
        Requires.KernelFaults();
        using var image = new TestImage(256);
        using var other = new TestImage(256);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        await NativeTouch.Run(() =>
        {
            using FileStream file = File.OpenRead(other.Path);
            file.Position = 4096;
            file.ReadExactly(region.AsSpan(0, 128 * 4096)); // read(2) meets missing pages
            return true;
        });
        Assert.Equal(other.ReadFile(4096, 128 * 4096), await region.ReadAsync(0, 128 * 4096));
        await NativeTouch.Run(() =>
        {
            File.WriteAllBytes(other.Path, region.AsMemory(8192, 4096).ToArray());
            return true;
        });
        Assert.Equal(await region.ReadAsync(8192, 4096), other.ReadFile(0, 4096));
    }

    [Fact]
    public async Task Reading_in_order_is_brought_in_runs()
    {
        Requires.KernelFaults();
        using var image = new TestImage(Pages);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { MemoryLimit = 8 << 20 });
        byte[] first = await NativeTouch.ReadPagesAsync(new AddressRange((ulong)region.Pointer, (ulong)image.Length), 4096);
        Assert.Equal(image.ReadFile(0, (int)image.Length).Where((_, index) => index % 4096 == 0), first);
        Assert.InRange(region.GetStatistics().MissingFaults, 1, Pages / 20);
        Assert.Equal(image.ReadFile(0, (int)image.Length), await region.ReadAsync(0, (int)image.Length));
    }

    [Fact]
    public async Task Reading_downwards_is_too()
    {
        Requires.KernelFaults();
        using var image = new TestImage(Pages);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { MemoryLimit = 8 << 20 });
        for (long page = Pages - 1; page >= 0; page--)
        {
            Assert.Equal((byte)(Pattern.At(page * 512) & 0xff), (await region.ReadAsync(page * 4096, 1))[0]);
        }

        Assert.InRange(region.GetStatistics().MissingFaults, 1, Pages / 20);
    }

    [Fact]
    public async Task What_is_discarded_reads_zeros_as_in_any_mapping()
    {
        Requires.KernelFaults();
        using var image = new TestImage(16);
        await using (RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small))
        {
            await region.ReadAsync(0, 3 * 4096);
            await region.WriteAsync(4096, 9, 4096);
            await NativeTouch.Run(() => MAdvise(region.Pointer, 2 * 4096, 9)); // MADV_REMOVE
            Assert.All(await region.ReadAsync(0, 2 * 4096), value => Assert.Equal(0, value));
            Assert.Equal(image.ReadFile(2 * 4096, 4096), await region.ReadAsync(2 * 4096, 4096));
        }

        Assert.All(image.ReadFile(0, 2 * 4096), value => Assert.Equal(0, value));
    }

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "madvise")]
    private static extern int MAdvise(nint address, nint length, int advice);
}
