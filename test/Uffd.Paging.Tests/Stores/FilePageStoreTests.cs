using System.Diagnostics;
using System.Globalization;

namespace Uffd.Paging.Tests.Stores;

/// <summary>A store in a file: what is refused, what is made, and what is found to be a hole.</summary>
public sealed class FilePageStoreTests
{
    private static readonly ulong Page = Pattern.Page;

    [Fact]
    public void What_is_no_store_is_refused_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("store");
        Refused<FileNotFoundException>(path, null, "there is no store", "Create");
        Refused<FileNotFoundException>(folder.File("none/store"), Made(Page), "no folder");
        Refused<IOException>(folder.Path, null, "is a folder");
        Refused<ArgumentException>(path, new FilePageStoreOptions { Create = true }, "needs a length");
        Refused<ArgumentException>(path, Made(ulong.MaxValue), "no file has");
        Assert.False(File.Exists(path), "nothing is made by what fails");

        File.WriteAllBytes(path, []);
        Refused<IOException>(path, null, "is empty", "Create");
        Assert.Equal(0, Run("mkfifo", [folder.File("pipe")]));
        Refused<IOException>(folder.File("pipe"), null, "is a pipe");
    }

    [Fact]
    public void File_that_may_not_be_written_is_refused()
    {
        // The superuser may write what has no permissions, but nobody what cannot be changed.
        using var folder = new TemporaryFolder();
        string path = folder.File("store");
        File.WriteAllBytes(path, new byte[Page]);
        Requires.Root();
        Requires.That(Run("chattr", ["+i", path]) == 0, "this needs a file system whose files can be made immutable");
        try
        {
            Refused<UnauthorizedAccessException>(path, null, "may not be read and written");
        }
        finally
        {
            Run("chattr", ["-i", path]);
        }
    }

    [Fact]
    public void Length_is_what_was_asked_for_or_it_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("store");
        using (FilePageStore made = FilePageStore.Open(path, Made((3 * Page) + 5)))
        {
            Assert.Equal((3 * Page) + 5, made.Length);
            made.Write(0, Pattern.Bytes(Page));
        }

        Refused<IOException>(path, new FilePageStoreOptions { Length = 3 * Page }, "not made shorter");
        Refused<IOException>(path, Made(4 * Page), "give Extend");
        Assert.Equal((3 * Page) + 5, (ulong)new FileInfo(path).Length);
        using (FilePageStore same = FilePageStore.Open(path, Made((3 * Page) + 5)))
        {
            AssertRead(Pattern.Bytes(Page), same, 0);
        }

        using FilePageStore longer = FilePageStore.Open(path, new FilePageStoreOptions { Length = 5 * Page, Extend = true });
        Assert.Equal(5 * Page, (ulong)new FileInfo(path).Length);
        AssertRead(Pattern.Bytes(Page), longer, 0);
        AssertRead(new byte[Page], longer, 4 * Page);
    }

    [Fact]
    public void Empty_file_is_made_use_of()
    {
        // A process that ended between making the file and giving it a length leaves one.
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("store"), []);
        using FilePageStore store = FilePageStore.Open(folder.File("store"), Made(Page));
        AssertRead(new byte[Page], store, 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Second_opener_is_refused_until_the_first_is_gone(bool direct)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("store");
        using (FilePageStore first = FilePageStore.Open(path, Made(Page, direct)))
        {
            Refused<IOException>(path, null, "is in use");
            Assert.Throws<IOException>(() => File.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)); // .NET locks whatever it opens
            Assert.Throws<IOException>(() => FilePageSource.Open(path));
            first.Write(0, Pattern.Bytes(Page));
        }

        using FilePageStore second = FilePageStore.Open(path);
        AssertRead(Pattern.Bytes(Page), second, 0);
    }

    [Fact]
    public async Task Of_many_who_open_at_once_one_can()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("store"), new byte[Page]);
        for (int round = 0; round < 50; round++)
        {
            using var start = new Barrier(3);
            FilePageStore?[] opened = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => NativeTouch.Run(() =>
            {
                Assert.True(start.SignalAndWait(TestTime.Scaled(TimeSpan.FromSeconds(30))));
                try
                {
                    return FilePageStore.Open(folder.File("store"));
                }
                catch (IOException)
                {
                    return null;
                }
            })));
            Assert.Single(opened, store => store is not null);
            Array.ForEach(opened, store => store?.Dispose());
        }
    }

    [Theory]
    [InlineData(FileShare.None)]
    [InlineData(FileShare.ReadWrite)]
    public void File_that_someone_locked_is_refused(FileShare share)
    {
        using var folder = new TemporaryFolder();
        using FileStream other = new(folder.File("store"), FileMode.Create, FileAccess.ReadWrite, share);
        other.SetLength((long)Page);
        Refused<IOException>(folder.File("store"), null, "is in use");
    }

    [Fact]
    public void Past_the_page_cache_is_refused_where_it_cannot_be()
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        string mounted = folder.File("ramfs");
        Directory.CreateDirectory(mounted);
        Requires.That(Run("mount", ["-t", "ramfs", "none", mounted]) == 0, "this needs to mount a ramfs");
        try
        {
            string path = Path.Combine(mounted, "store");
            Refused<IOException>(path, Made(Page, direct: true), "O_DIRECT", "open it without Direct");
            Assert.False(File.Exists(path), "nothing is made by what fails");
            using FilePageStore cached = FilePageStore.Open(path, Made(Page));
            cached.Write(0, Pattern.Bytes(Page));
            cached.Flush();
            AssertRead(Pattern.Bytes(Page), cached, 0);
        }
        finally
        {
            Run("umount", ["-l", mounted]);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Length_never_changes_by_writing(bool direct)
    {
        using var folder = new TemporaryFolder();
        ulong length = (2 * Page) + 100;
        FilePageStore store = FilePageStore.Open(folder.File("store"), Made(length, direct));
        store.Write(0, Pattern.Bytes(3 * Page));
        store.Flush();
        Assert.Equal(length, (ulong)new FileInfo(folder.File("store")).Length);
        AssertRead([.. Pattern.Bytes(3 * Page)[..(int)length], .. new byte[Page - 100]], store, 0);
        store.Dispose();
        Assert.Equal(Pattern.Bytes(3 * Page)[..(int)length], File.ReadAllBytes(folder.File("store")));
    }

    [Fact]
    public void What_is_outside_is_an_error()
    {
        using var folder = new TemporaryFolder();
        using FilePageStore store = FilePageStore.Open(folder.File("store"), Made(Page + 1));
        Assert.Contains("none at", Assert.Throws<IOException>(() => store.Read(Page + 1, new byte[1])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Write(2 * Page, new byte[Page]));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Write(Page, new byte[2 * Page]));
        Assert.Throws<ArgumentException>(() => store.Write(1, new byte[Page]));
        Assert.Throws<ArgumentException>(() => store.Write(0, new byte[Page - 1]));
        store.Read(Page + 1, []);
        store.Write(0, []);
    }

    [Fact]
    public async Task Write_that_nobody_waits_for_is_none()
    {
        using var folder = new TemporaryFolder();
        using FilePageStore store = FilePageStore.Open(folder.File("store"), Made(Page, direct: true));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.WriteAsync(0, Pattern.Bytes(Page), new CancellationToken(canceled: true)).AsTask());
        AssertRead(new byte[Page], store, 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Holes_are_told_until_they_are_written_and_take_no_room(bool direct)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("store");
        const ulong Length = 1UL << 40;
        using (FilePageStore store = FilePageStore.Open(path, Made(Length, direct)))
        {
            Assert.Equal(new SourceRun(Length, SourceRunKind.Hole), store.GetRun(0, Length));
            store.Write(1 << 30, Pattern.Bytes(2 * Page));
            AssertRuns(store);
        }

        Assert.InRange(long.Parse(Output("stat", "-c", "%b", path), CultureInfo.InvariantCulture) * 512, (long)(2 * Page), 1 << 20);
        Requires.Holes(path, 2 * Page);
        using FilePageStore again = FilePageStore.Open(path);
        AssertRuns(again);
        AssertRead([.. new byte[Page], .. Pattern.Bytes(2 * Page), .. new byte[Page]], again, (1 << 30) - Page);

        static void AssertRuns(FilePageStore store)
        {
            Assert.Equal(new SourceRun(1 << 30, SourceRunKind.Hole), store.GetRun(0, Length));
            Assert.Equal(new SourceRun(2 * Page, SourceRunKind.Data), store.GetRun(1 << 30, Length));
            Assert.Equal(new SourceRun(100, SourceRunKind.Hole), store.GetRun((1 << 30) + (2 * Page), 100));
        }
    }

    [Fact]
    public void Diff_with_a_part_of_a_page_is_refused()
    {
        using var folder = new TemporaryFolder();
        string mounted = folder.File("mounted");
        using SmallDisk disk = SmallDisk.Mount(folder, mounted, 16 << 20, "-b", "1024");
        string path = Path.Combine(mounted, "diff");
        Sparse.Write(path, 8 * Page, 1, (2 * Page, 1024));
        Assert.Contains("a part of a page", Assert.Throws<IOException>(() => FilePageStore.OpenDiff(path)).Message, StringComparison.Ordinal);
        using FilePageStore store = FilePageStore.Open(path); // holes are zeros there
        AssertRead([.. Pattern.Bytes(1024, 1, 2 * Page), .. new byte[Page - 1024]], store, 2 * Page);
    }

    internal static FilePageStoreOptions Made(ulong length, bool direct = false) => new() { Length = length, Create = true, Direct = direct };

    internal static void AssertRead(byte[] expected, IPageSource source, ulong offset)
    {
        byte[] found = new byte[expected.Length];
        found.AsSpan().Fill(0xdd);
        source.Read(offset, found);
        Assert.True(expected.AsSpan().SequenceEqual(found), $"{expected.Length} bytes at {offset} are not what they should be");
    }

    private static void Refused<T>(string path, FilePageStoreOptions? options, params string[] words)
        where T : Exception
    {
        T exception = Assert.ThrowsAny<T>(() => FilePageStore.Open(path, options).Dispose());
        Assert.All(words, word => Assert.Contains(word, exception.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', exception.Message);
    }

    private static int Run(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }

    private static string Output(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output.Trim();
    }
}
