using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>An image is whole under its name or is not there.</summary>
public sealed class WholeOrNothingTests
{
    private static readonly SnapshotImageOptions Quick = new() { Durable = false, Threads = 2 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Image_has_its_name_only_when_it_is_complete_and_nothing_else_is_left(bool durable)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("image");
        using (var writer = SnapshotImageWriter.Create(path, Quick with { Durable = durable }))
        {
            writer.Write(At(0), Content(50, seed: 1));
            Assert.Empty(Directory.GetFileSystemEntries(folder.Path)); // it has no name at all
            writer.Complete(State(Region(0, 50)));
            Assert.Equal(new FileInfo(path).Length, writer.StoredBytes);
        }

        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Old_file_stays_until_it_is_replaced_and_where_the_writer_gives_up()
    {
        using var folder = new TemporaryFolder();
        string path = Write(folder.File("image"), 4, Quick, (0, Content(4, seed: 1)));
        byte[] before = File.ReadAllBytes(path);
        using (var writer = SnapshotImageWriter.Create(path, Quick))
        {
            writer.Write(At(0), Content(4, seed: 2));
            Assert.Throws<ArgumentException>(() => writer.Complete(State(Region(0, 4)) with { PageSize = 16384 }));
        }

        Assert.Equal(before, File.ReadAllBytes(path));
        Write(path, 4, Quick, (0, Content(4, seed: 2)));
        using var image = SnapshotImage.Open(path);
        Assert.Equal(Content(4, seed: 2), Read(image, 0, 4));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Where_files_must_have_names_it_has_another_until_it_is_whole()
    {
        using var folder = new TemporaryFolder();
        string path = Write(folder.File("image"), 4, Quick, (0, Content(4, seed: 1)));
        using (var writer = SnapshotImageWriter.Create(path, Quick with { Named = true }))
        {
            writer.Write(At(0), Content(4, seed: 2));
            string other = Assert.Single(Directory.GetFileSystemEntries(folder.Path), entry => !string.Equals(entry, path, StringComparison.Ordinal));
            Assert.Matches(@"/\.image\.[0-9a-f]{32}\.tmp$", other);
        }

        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path)); // it gave up
        Write(path, 4, Quick with { Named = true }, (0, Content(4, seed: 2)));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        using var image = SnapshotImage.Open(path);
        Assert.Equal(Content(4, seed: 2), Read(image, 0, 4));
    }

    [Fact]
    public void Full_disk_is_an_error_and_leaves_the_old_file_and_nothing_else()
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        using var disk = new SmallTmpfs(folder, 2 << 20);
        string path = Path.Combine(disk.Path, "image");
        Write(path, 4, Quick, (0, Content(4, seed: 1)));
        using (var writer = SnapshotImageWriter.Create(path, Quick))
        {
            IOException told = Assert.Throws<IOException>(() =>
            {
                for (int round = 0; round < 100; round++)
                {
                    writer.Write(At(round * 256), Bytes(256 * Page, seed: round));
                }
            });
            Assert.Contains("the disk is full", told.Message, StringComparison.Ordinal);
            Assert.Contains(path, told.Message, StringComparison.Ordinal);
            Assert.Throws<IOException>(() => writer.Complete(State(Region(0, 25600))));
        }

        Assert.Equal([path], Directory.GetFileSystemEntries(disk.Path));
        using var image = SnapshotImage.Open(path);
        Assert.Equal(Content(4, seed: 1), Read(image, 0, 4));
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData((1 << 20) + 4096)]
    public void Disk_that_is_full_at_the_end_leaves_nothing(int size)
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        using var disk = new SmallTmpfs(folder, size);
        using var writer = SnapshotImageWriter.Create(Path.Combine(disk.Path, "image"), Quick);
        writer.Write(At(0), Bytes(256 * Page, seed: 1));
        Assert.Contains("the disk is full", Assert.Throws<IOException>(() => writer.Complete(State(Region(0, 256)))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(disk.Path));
    }

    [Fact]
    public void Folder_a_device_and_a_missing_folder_are_refused_at_once()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<IOException>(() => SnapshotImageWriter.Create(folder.Path, Quick));
        Assert.Throws<IOException>(() => SnapshotImageWriter.Create("/dev/null", Quick));
        Assert.Throws<IOException>(() => SnapshotImageWriter.Create(folder.File("missing/image"), Quick));
        Assert.Throws<FileNotFoundException>(() => SnapshotImageWriter.Create(folder.File("image"), Quick with { Parent = folder.File("missing") }));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }
}
