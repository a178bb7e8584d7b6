using System.Text.Json;
using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>What is written is what is read.</summary>
public sealed class SnapshotImageTests
{
    private static readonly SnapshotImageOptions Quick = new() { Durable = false, Threads = 2 };

    [Fact]
    public void Every_field_of_the_process_is_read_as_it_was_written()
    {
        using var folder = new TemporaryFolder();
        ProcessState written = Full();
        using (var writer = SnapshotImageWriter.Create(folder.File("image"), Quick))
        {
            writer.Complete(written);
        }

        using var image = SnapshotImage.Open(folder.File("image"));
        Assert.Equal(Describe(written), Describe(image.State));
        Assert.Equal("image", image.Format);
        Assert.Empty(image.Parents);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Pages_are_read_as_they_were_written_last(bool raw)
    {
        using var folder = new TemporaryFolder();
        byte[] first = Content(100, seed: 1);
        byte[] second = Content(10, seed: 2);
        Write(folder.File("image"), 120, Quick with { Raw = raw }, (0, first), (45, second), (50, new byte[Page]), (110, Content(1, seed: 3)));
        first.AsSpan().CopyTo(first);
        second.CopyTo(first, 45 * Page);
        first.AsSpan(50 * Page, Page).Clear();

        using var image = SnapshotImage.Open(folder.File("image"));
        Assert.Equal(first, Read(image, 0, 100));
        Assert.Equal(new byte[10 * Page], Read(image, 100, 10));
        Assert.Equal(Content(1, seed: 3), Read(image, 110));
        Assert.Equal(first[5000..5777], ReadAt(image, Base + 5000, 777));
        Assert.Equal(
            [
                new SnapshotRun(Pages(0, 50), SnapshotPageKind.Stored), new SnapshotRun(Pages(50, 1), SnapshotPageKind.Zero), new SnapshotRun(Pages(51, 49), SnapshotPageKind.Stored),
                new SnapshotRun(Pages(100, 10), SnapshotPageKind.Zero), new SnapshotRun(Pages(110, 1), SnapshotPageKind.Stored), new SnapshotRun(Pages(111, 9), SnapshotPageKind.Zero),
                new SnapshotRun(Pages(120, 80), SnapshotPageKind.Absent),
            ],
            image.GetRuns(Pages(0, 200)));
    }

    [Fact]
    public void Discarded_pages_are_zeros_and_pages_of_no_region_are_left_out()
    {
        using var folder = new TemporaryFolder();
        using (var writer = SnapshotImageWriter.Create(folder.File("image"), Quick))
        {
            writer.Write(At(0), Content(2000, seed: 1));
            writer.Discard(Pages(10, 1000));
            writer.Write(At(500), Content(1, seed: 2));
            writer.Complete(State(Region(0, 20), Region(400, 200), Region(600, 100, RegionContent.None), Region(1500, 20, RegionContent.Changed)));
        }

        using var image = SnapshotImage.Open(folder.File("image"));
        Assert.Equal(Content(2000, seed: 1)[..(10 * Page)], Read(image, 0, 10));
        Assert.Equal(new byte[10 * Page], Read(image, 10, 10));
        Assert.Equal(Content(1, seed: 2), Read(image, 500));
        Assert.Throws<EndOfStreamException>(() => Read(image, 20));
        Assert.Throws<EndOfStreamException>(() => Read(image, 600));
        Assert.Throws<EndOfStreamException>(() => Read(image, 19, 2));
        Assert.Equal(Content(2000, seed: 1)[(1500 * Page)..(1520 * Page)], Read(image, 1500, 20));
        Assert.Equal(31UL, image.StoredPages);
        Assert.All(image.GetRuns(Pages(20, 380)), run => Assert.Equal(SnapshotPageKind.Absent, run.Kind));
    }

    [Fact]
    public void In_a_mapping_of_which_changed_pages_are_kept_zeros_are_told_from_the_files_pages()
    {
        using var folder = new TemporaryFolder();
        using (var writer = SnapshotImageWriter.Create(folder.File("image"), Quick))
        {
            writer.Write(At(1), new byte[Page]);
            writer.Write(At(3), Content(1, seed: 1));
            writer.Complete(State(Region(0, 600, RegionContent.Changed, "/lib/x.so")));
        }

        using var image = SnapshotImage.Open(folder.File("image"));
        Assert.Equal(new byte[Page], Read(image, 1));
        Assert.Equal(Content(1, seed: 1), Read(image, 3));
        Assert.Contains("/lib/x.so", Assert.Throws<EndOfStreamException>(() => Read(image, 0)).Message, StringComparison.Ordinal);
        Assert.Equal(
            [SnapshotPageKind.File, SnapshotPageKind.Zero, SnapshotPageKind.File, SnapshotPageKind.Stored, SnapshotPageKind.File],
            image.GetRuns(Pages(0, 600)).Select(run => run.Kind));
    }

    [Fact]
    public void Empty_image_of_a_terabyte_tells_its_runs_at_once()
    {
        using var folder = new TemporaryFolder();
        const int Many = 1 << 28;
        using (var writer = SnapshotImageWriter.Create(folder.File("image"), Quick))
        {
            writer.Write(At(0) + (1UL << 39), Content(1, seed: 1));
            writer.Discard(new AddressRange(At(0), 1UL << 38));
            writer.Complete(State(Region(0, Many)));
        }

        using var image = SnapshotImage.Open(folder.File("image"));
        Assert.Equal([SnapshotPageKind.Zero, SnapshotPageKind.Stored, SnapshotPageKind.Zero], image.GetRuns(Pages(0, Many)).Select(run => run.Kind));
    }

    [Fact]
    public void Room_of_blocks_that_no_longer_count_is_used_again()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Bytes(256 * Page, seed: 1);
        using var writer = SnapshotImageWriter.Create(folder.File("image"), Quick);
        for (int round = 0; round < 50; round++)
        {
            content[round] ^= 1;
            writer.Write(At(0), content);
        }

        writer.Complete(State(Region(0, 256)));
        using var image = SnapshotImage.Open(folder.File("image"));
        Assert.Equal(content, Read(image, 0, 256));
        Assert.InRange(image.FileBytes, 256UL * Page, 30UL << 20); // a round is a megabyte: 12 are on their way at most, besides what counts
    }

    [Fact]
    public void Pages_that_are_written_again_at_random_cost_no_more_however_often()
    {
        using var folder = new TemporaryFolder();
        const int Hot = 2000;
        var random = new Random(1);
        using var writer = SnapshotImageWriter.Create(folder.File("image"), Quick);
        byte[] content = Bytes(Hot * Page, seed: 1);
        writer.Write(At(0), content);
        for (int round = 0; round < 40; round++)
        {
            for (int page = 0; page < Hot; page++)
            {
                if (random.Next(2) == 0)
                {
                    content[(page * Page) + 10] ^= (byte)(1 + (round % 16));
                    writer.Write(At(page), content.AsSpan(page * Page, Page));
                }
            }
        }

        writer.Complete(State(Region(0, Hot)));
        using var image = SnapshotImage.Open(folder.File("image"));
        Assert.Equal(content, Read(image, 0, Hot));
        TestContext.Current.TestOutputHelper?.WriteLine($"{image.FileBytes} bytes for {content.Length}, {writer.SupersededPages} pages superseded");

        // A block of 16 is free when the last of them was written again: 1 + 1/2 + ... + 1/16 = 3.4 times as many slots as pages, and 12 MiB on their way.
        Assert.InRange(image.FileBytes, (ulong)content.Length, (ulong)(4 * content.Length) + (13 << 20));
    }

    [Fact]
    public void Writer_takes_at_most_16_bytes_for_a_page()
    {
        using var folder = new TemporaryFolder();
        const int Most = 16384;
        byte[] pages = new byte[64 * Page];
        Array.Fill(pages, (byte)1);
        using var writer = SnapshotImageWriter.Create(folder.File("image"), Quick);
        writer.Write(At(Most), pages);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int page = 0; page < Most; page += 64)
        {
            writer.Write(At(page), pages);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Most * 16);
    }

    [Fact]
    public void What_is_no_whole_page_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var writer = SnapshotImageWriter.Create(folder.File("image"), Quick);
        Assert.Throws<ArgumentException>(() => writer.Write(Base + 1, new byte[Page]));
        Assert.Throws<ArgumentException>(() => writer.Write(Base, new byte[Page - 1]));
        Assert.Throws<ArgumentException>(() => writer.Write(ulong.MaxValue - Page + 1, new byte[2 * Page]));
        Assert.Throws<ArgumentException>(() => writer.Discard(new AddressRange(Base, 1)));
        Assert.Throws<ArgumentException>(() => writer.Complete(State(Region(4, 4), Region(0, 4))));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SnapshotImageOptions { CompressionLevel = 20 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SnapshotImageOptions { Threads = 0 });
    }

    private static byte[] ReadAt(SnapshotImage image, ulong address, int length)
    {
        byte[] bytes = new byte[length];
        image.Read(address, bytes);
        return bytes;
    }

    private static string Describe(ProcessState state) => JsonSerializer.Serialize(new
    {
        state.ProcessId,
        state.ParentProcessId,
        state.ProcessGroup,
        state.Session,
        state.UserId,
        state.GroupId,
        state.State,
        state.Nice,
        state.KernelFlags,
        state.Name,
        state.Arguments,
        state.Executable,
        Auxiliary = state.AuxiliaryVector.ToArray(),
        state.Architecture,
        state.KernelRelease,
        state.PageSize,
        state.Taken,
        Threads = state.Threads.Select(thread => new
        {
            thread.ThreadId,
            thread.Name,
            General = thread.General.ToArray(),
            Floating = thread.FloatingPoint.ToArray(),
            Extended = thread.Extended.ToArray(),
            Signal = thread.SignalInformation.ToArray(),
            thread.PendingSignals,
            thread.BlockedSignals,
            thread.UserTime,
            thread.SystemTime,
        }),
        Regions = state.Regions.Select(region => region.ToString()),
    });
}
