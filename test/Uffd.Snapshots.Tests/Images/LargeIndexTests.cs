using System.Diagnostics;
using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>The index of an image of a hundred gigabytes is not read to open it.</summary>
public sealed class LargeIndexTests
{
    private const int AllPages = 100 * (1 << 18); // of 4 KiB: 100 GiB
    private const int Every = 1_234_567;

    [Fact]
    public void Image_of_100_GiB_opens_in_milliseconds_and_a_page_is_found_with_a_handful_of_reads()
    {
        using var folder = new TemporaryFolder();
        string path = Forge(folder.File("image"));
        using (SnapshotImage.Open(path))
        {
            // Compiled, and the file's inode is in memory.
        }

        var clock = Stopwatch.StartNew();
        using var image = SnapshotImage.Open(path);
        clock.Stop();
        TestContext.Current.TestOutputHelper?.WriteLine($"opened in {clock.Elapsed.TotalMilliseconds:F2} ms, {image.Reads} reads, {image.FileBytes} bytes");
        Assert.InRange(clock.Elapsed.TotalMilliseconds, 0, 100);
        Assert.InRange(image.Reads, 1, 5);

        for (int page = 0; page < AllPages; page += Every)
        {
            long before = image.Reads;
            Assert.Equal(Content(1, seed: page), Read(image, page));
            Assert.InRange(image.Reads - before, 1, 4);
        }

        // And what the forged records mean is found out when it is read.
        Assert.Throws<InvalidDataException>(() => Read(image, 1));
        Assert.Equal(new SnapshotRun(Pages(AllPages - 5000, 5000), SnapshotPageKind.Stored), Assert.Single(image.GetRuns(Pages(AllPages - 5000, 5000))));
    }

    /// <summary>An image with some real pages, and records of all others that point to them.</summary>
    private static string Forge(string path)
    {
        using var file = PendingFile.Create(path);
        var real = new Dictionary<int, PageRecord>();
        ulong end = ImageHeader.Length;
        for (int page = 0; page < AllPages; page += Every)
        {
            byte[] content = Content(1, seed: page);
            real.Add(page, new PageRecord(end, Page, IsRaw: true, Pages: 1, Slot: 0, PageChecksum.Of(At(page), content)));
            ImageOutput.Write(file, end, content);
            end += Page;
        }

        var encoder = new StateEncoder();
        StateFormat.Encode(encoder, State(Region(0, AllPages)), "");
        byte[] state = StateBlock.Pack(encoder.Bytes, end, compressors: null);
        ImageOutput.Write(file, end, state);
        var index = new IndexWriter(end + (ulong)state.Length, (offset, bytes) => ImageOutput.Write(file, offset, bytes.Span));
        var kinds = new PageKind[ImageFormat.LeafPages];
        Array.Fill(kinds, PageKind.Stored);
        var records = new PageRecord[ImageFormat.LeafPages];
        Array.Fill(records, real[0]);
        for (int first = 0; first < AllPages; first += ImageFormat.LeafPages)
        {
            int some = (first + Every - 1) / Every * Every; // the first real page that is not before the leaf
            bool has = some < first + ImageFormat.LeafPages && some < AllPages;
            if (has)
            {
                records[some - first] = real[some];
            }

            index.Add(At(first) / Page / ImageFormat.LeafPages, kinds, records);
            if (has)
            {
                records[some - first] = real[0];
            }
        }

        (ulong offset, int length, int levels) = index.Complete();
        Assert.Equal(3, levels);
        byte[] header = new byte[ImageHeader.Length];
        new ImageHeader
        {
            PageSize = Page,
            Identity = 1,
            ParentIdentity = 0,
            FileLength = index.End,
            StateOffset = end,
            StateLength = (ulong)state.Length,
            RootOffset = offset,
            RootLength = (uint)length,
            Levels = (uint)levels,
            StoredPages = AllPages,
            ParentPages = 0,
        }.Encode(header);
        ImageOutput.Write(file, 0, header);
        file.Publish(durable: false);
        return path;
    }
}
