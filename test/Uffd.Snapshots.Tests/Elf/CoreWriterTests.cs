namespace Uffd.Snapshots.Tests.Elf;

/// <summary>A core is there whole or not at all, is its owner's only, and takes no more room than what is not zeros.</summary>
public sealed class CoreWriterTests : IDisposable
{
    private const ulong Base = 0x5500_0000_0000;
    private const ulong Pages = 1000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Core_that_is_not_completed_leaves_nothing_and_what_was_there_before()
    {
        string path = _folder.File("core");
        File.WriteAllText(path, "before");
        using (ElfCoreWriter writer = Regions.Writer(path))
        {
            writer.Write(Base, Regions.Pages(1, 2, 3));
        }

        Assert.Equal("before", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Core_replaces_what_has_its_name_and_is_its_owners_only(bool durable)
    {
        string path = _folder.File("core");
        File.WriteAllText(path, "before");
        using (ElfCoreWriter writer = ElfCoreWriter.Create(path, new SnapshotFileOptions { Durable = durable }, (int)Regions.Page))
        {
            writer.Write(Base, Regions.Pages(1));
            Assert.Equal("before", File.ReadAllText(path));
            writer.Complete(Regions.State(Regions.Of(Base, 1)));
            Assert.Throws<InvalidOperationException>(() => writer.Write(Base, Regions.Pages(1)));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Single(Directory.GetFiles(_folder.Path));
        using ElfCore core = ElfCore.Open(path);
        Assert.Equal(4711, core.State.ProcessId);
    }

    [Fact]
    public void Zeros_are_not_stored_also_where_other_bytes_were_before()
    {
        string path = _folder.File("core");
        using ElfCoreWriter writer = Regions.Writer(path);
        writer.Write(Base, new byte[Pages * Regions.Page]);
        Assert.Equal(0, writer.StoredBytes);
        byte[] ones = new byte[Pages * Regions.Page];
        ones.AsSpan().Fill(1);
        writer.Write(Base, ones);
        writer.Write(Base, ones);
        Assert.Equal(ones.Length, writer.StoredBytes);
        writer.Write(Base, new byte[(Pages - 2) * Regions.Page]);
        writer.Discard(new AddressRange(Base + ((Pages - 2) * Regions.Page), Regions.Page));
        Assert.Equal((long)Regions.Page, writer.StoredBytes);
        writer.Complete(Regions.State(Regions.Of(Base, Pages)));

        using var file = File.OpenHandle(path);
        ulong data = SparseFile.FindDataExtents(file, SparseFile.GetEnd(file)).Aggregate(0UL, (sum, extent) => sum + extent.Length);
        Assert.InRange(data, Regions.Page, 6 * Regions.Page); // the page, and the tables
    }

    [Fact]
    public void Pages_of_no_region_are_not_in_the_file()
    {
        string path = _folder.File("core");
        using (ElfCoreWriter writer = Regions.Writer(path))
        {
            writer.Write(Base, Regions.Pages(0xA7, 0xA7, 0xA7, 0xA7));
            writer.Write(Base + (1UL << 32), Regions.Pages(0xA7));
            writer.Complete(Regions.State(Regions.Of(Base, 1, RegionContent.None), Regions.Of(Base + (2 * Regions.Page), 1)));
        }

        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal((int)Regions.Page, bytes.Count(value => value == 0xA7) - CountInTables(bytes));
    }

    [Fact]
    public void Full_disk_is_an_error_that_says_so_and_the_old_core_stays()
    {
        Requires.Root();
        using var disk = new FullDisk(_folder, 1 << 20);
        string path = Path.Combine(disk.Path, "core");
        File.WriteAllText(path, "before");
        using (ElfCoreWriter writer = Regions.Writer(path))
        {
            byte[] ones = new byte[2 << 20];
            ones.AsSpan().Fill(1);
            IOException exception = Assert.ThrowsAny<IOException>(() => writer.Write(Base, ones));
            Assert.Contains("ENOSPC", exception.Message, StringComparison.Ordinal);
            Assert.Contains("make room", exception.Message, StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(() => writer.Complete(Regions.State(Regions.Of(Base, 1))));
        }

        Assert.Equal("before", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(disk.Path));
    }

    [Fact]
    public void Zeros_are_written_where_holes_cannot_be_made()
    {
        string path = _folder.File("file");
        using (CoreOutput file = CoreOutput.Create(path, hasHoles: false))
        {
            file.Write(0, Regions.Pages([.. Enumerable.Repeat((byte)5, 40)]));
            file.Clear(Regions.Page, 38 * Regions.Page);
            file.Publish(durable: false);
        }

        Assert.Equal(Regions.Pages([5, .. new byte[38], 5]), File.ReadAllBytes(path));
    }

    [Fact]
    public void Region_larger_than_a_file_may_be_takes_only_what_was_written_of_it()
    {
        string path = _folder.File("core");
        const ulong Terabytes16 = 16UL << 40;
        ulong start = 0x1000_0000_0000;
        using (ElfCoreWriter writer = Regions.Writer(path))
        {
            writer.Expect(new AddressRange(start, Terabytes16));
            writer.Write(start + (5UL << 40), Regions.Pages(3));
            writer.Complete(Regions.State(Regions.Of(start, Terabytes16 / Regions.Page)));
        }

        using ElfCore core = ElfCore.Open(path);
        byte[] page = new byte[Regions.Page];
        core.Read(start + (5UL << 40), page);
        Assert.Equal(3, page[0]);
        foreach (ulong zeros in new[] { start, start + (4UL << 40), start + (15UL << 40) })
        {
            page[0] = 1;
            core.Read(zeros, page);
            Assert.Equal(0, page[0]);
            Assert.Equal(SnapshotPageKind.Zero, core.GetRuns(new AddressRange(zeros, Regions.Page)).Single().Kind);
        }
    }

    private static int CountInTables(byte[] bytes) => bytes.AsSpan(0, 1 << 20).Count((byte)0xA7);

    /// <summary>A file system in memory that is soon full.</summary>
    private sealed class FullDisk : IDisposable
    {
        public FullDisk(TemporaryFolder folder, int bytes)
        {
            Path = folder.File("small");
            Directory.CreateDirectory(Path);
            Requires.That(NativeCompiler.Run("mount", ["-t", "tmpfs", "-o", $"size={bytes}", "none", Path]).ExitCode == 0, "this needs to mount a tmpfs");
        }

        public string Path { get; }

        public void Dispose() => NativeCompiler.Run("umount", ["-l", Path]);
    }
}
