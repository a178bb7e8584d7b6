using Uffd.Paging;
using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Reading;

/// <summary>A snapshot as a source of pages.</summary>
public sealed class SnapshotReaderTests
{
    private static readonly SnapshotImageOptions Quick = new() { Durable = false, Threads = 2 };

    [Fact]
    public void Regions_lie_one_behind_the_other()
    {
        using var folder = new TemporaryFolder();
        using SnapshotReader source = Open(folder);
        Assert.Equal(160UL * Page, source.Length);
        Assert.Equal(0UL, source.OffsetOf(At(0)));
        Assert.Equal(123UL, source.OffsetOf(At(0) + 123));
        Assert.Equal((100UL * Page) - 1, source.OffsetOf(At(100) - 1));
        Assert.Null(source.OffsetOf(At(100)));
        Assert.Null(source.OffsetOf(At(205)));
        Assert.Null(source.OffsetOf(0));
        Assert.Null(source.OffsetOf(ulong.MaxValue));
        Assert.Equal(100UL * Page, source.OffsetOf(At(300)));
        Assert.Equal(150UL * Page, source.OffsetOf(At(400)));
        for (ulong offset = 0; offset < source.Length; offset += 1777)
        {
            Assert.Equal(offset, source.OffsetOf(source.AddressOf(offset)));
        }
    }

    [Fact]
    public void Runs_are_told_without_reading_pages()
    {
        using var folder = new TemporaryFolder();
        using SnapshotReader source = Open(folder);
        Assert.Equal(new SourceRun(50 * Page, SourceRunKind.Data), source.GetRun(0, source.Length));
        Assert.Equal(new SourceRun((50 * Page) - 100, SourceRunKind.Data), source.GetRun(100, source.Length));
        Assert.Equal(new SourceRun(7, SourceRunKind.Data), source.GetRun(100, 7));
        Assert.Equal(new SourceRun(50 * Page, SourceRunKind.Zero), source.GetRun(50 * Page, source.Length));
        Assert.Equal(new SourceRun(10 * Page, SourceRunKind.Poisoned), source.GetRun(100 * Page, source.Length));
        Assert.Equal(new SourceRun(2 * Page, SourceRunKind.Data), source.GetRun(110 * Page, source.Length));
        Assert.Equal(SourceRunKind.Hole, source.GetRun(source.Length, Page).Kind);
    }

    [Fact]
    public void Bytes_are_read_across_regions_and_what_is_not_held_is_an_error()
    {
        using var folder = new TemporaryFolder();
        using SnapshotReader source = Open(folder);
        byte[] bytes = Bytes(60 * Page, seed: -1);
        source.Read(0, bytes);
        Assert.Equal([.. Content(50, seed: 1), .. new byte[10 * Page]], bytes);

        bytes = Bytes(2 * Page, seed: -1);
        source.Read(110 * Page, bytes);
        Assert.Equal(Content(2, seed: 2), bytes);
        Assert.ThrowsAny<IOException>(() => source.Read(99 * Page, bytes)); // the file's pages

        bytes = Bytes(2 * Page, seed: -1);
        source.Read((159 * Page) + 1, bytes);
        Assert.Equal([.. Content(10, seed: 3)[((9 * Page) + 1)..], .. new byte[Page + 1]], bytes); // zeros behind the end
    }

    [Fact]
    public void Damage_is_an_error_of_the_read_and_never_content()
    {
        using var folder = new TemporaryFolder();
        Open(folder).Dispose();
        byte[] whole = File.ReadAllBytes(folder.File("image"));
        whole.AsSpan(ImageHeader.Length, 2000).Fill(0x77);
        File.WriteAllBytes(folder.File("image"), whole);
        using var source = SnapshotReader.Open(folder.File("image"));
        Assert.Equal(SourceRunKind.Data, source.GetRun(0, Page).Kind);
        Assert.ThrowsAny<IOException>(() => source.Read(0, new byte[Page]));
    }

    [Fact]
    public void Several_threads_read_at_once()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Content(3000, seed: 1);
        string parent = Write(folder.File("parent"), 3000, Quick, (0, content));
        content[^1] ^= 1;
        string child = Write(folder.File("child"), 3000, Quick with { Parent = parent }, (0, content));
        using var source = SnapshotReader.Open(child);
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, seed =>
        {
            var random = new Random(seed);
            byte[] bytes = new byte[5 * Page];
            for (int round = 0; round < 2000; round++)
            {
                int offset = random.Next(content.Length - bytes.Length);
                int length = random.Next(1, bytes.Length);
                source.Read((ulong)offset, bytes.AsSpan(0, length));
                Assert.True(bytes.AsSpan(0, length).SequenceEqual(content.AsSpan(offset, length)));
            }
        });
    }

    [Fact]
    public void Reading_allocates_next_to_nothing()
    {
        using var folder = new TemporaryFolder();
        string path = Write(folder.File("image"), 400, Quick, (0, Content(400, seed: 1)));
        using var source = SnapshotReader.Open(path);
        byte[] page = new byte[Page];
        for (int round = 0; round < 2; round++)
        {
            ReadAll();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        ReadAll();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 * 1024); // for 400 pages

        void ReadAll()
        {
            for (ulong offset = 0; offset < source.Length; offset += Page)
            {
                source.Read(offset, page);
            }
        }
    }

    [Fact]
    public void Files_are_told_apart_by_their_first_bytes()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("text"), "neither");
        File.WriteAllText(folder.File("empty"), "");
        Assert.Throws<InvalidDataException>(() => SnapshotReader.Open(folder.File("text")));
        Assert.Throws<InvalidDataException>(() => SnapshotReader.Open(folder.File("empty")));
        Assert.Throws<FileNotFoundException>(() => SnapshotReader.Open(folder.File("missing")));
        Assert.Throws<IOException>(() => SnapshotReader.Open("/dev/zero"));
    }

    /// <summary>Regions of 100 pages, 50 of them stored; one that is left out; a mapped file of 50 with two pages changed; and ten more.</summary>
    private static SnapshotReader Open(TemporaryFolder folder)
    {
        using (var writer = SnapshotImageWriter.Create(folder.File("image"), Quick))
        {
            writer.Write(At(0), Content(50, seed: 1));
            writer.Write(At(310), Content(2, seed: 2));
            writer.Write(At(400), Content(10, seed: 3));
            writer.Complete(State(Region(0, 100), Region(200, 10, RegionContent.None), Region(300, 50, RegionContent.Changed, "/x"), Region(400, 10)));
        }

        return SnapshotReader.Open(folder.File("image"));
    }
}
