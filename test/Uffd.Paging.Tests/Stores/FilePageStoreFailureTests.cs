using System.Globalization;

namespace Uffd.Paging.Tests.Stores;

/// <summary>A store in a file: what happens when the disk or someone else does what they should not.</summary>
public sealed class FilePageStoreFailureTests
{
    private static readonly ulong Page = Pattern.Page;

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 1000)]
    [InlineData(false, 0)]
    [InlineData(false, 1000)] // cut inside a page
    public void File_that_was_cut_short_is_an_error_and_is_not_made_long_again(bool direct, int inside)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("store");
        using FilePageStore store = FilePageStore.Open(path, FilePageStoreTests.Made(16 * Page, direct));
        store.Write(0, Pattern.Bytes(16 * Page));
        ulong left = (4 * Page) + (ulong)inside;
        using (var other = RawFile.Open(path, make: false)) // without .NET's lock, as other programs do
        {
            RandomAccess.SetLength(other, (long)left);
        }

        FilePageStoreTests.AssertRead(Pattern.Bytes(4 * Page), store, 0);
        foreach (ulong offset in (ulong[])[0, 4 * Page, 12 * Page])
        {
            Told(() => store.Read(offset, new byte[4 * Page + Page]));
        }

        Told(() => store.Write(0, Pattern.Bytes(Page, 2)));
        Told(() => store.Write(8 * Page, Pattern.Bytes(Page, 2)));
        Told(store.Flush);
        Assert.Equal(left, (ulong)new FileInfo(path).Length);
        FilePageStoreTests.AssertRead(Pattern.Bytes(4 * Page), store, 0);

        void Told(Action action)
        {
            string message = Assert.ThrowsAny<IOException>(action).Message;
            Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"ends at byte {left}, but had {16 * Page}"), message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Full_disk_costs_the_write_that_finds_it_full_and_no_more()
    {
        using var folder = new TemporaryFolder();
        using var tmpfs = new SmallTmpfs(folder, 64 * Page);
        string path = Path.Combine(folder.File("small"), "store");
        using FilePageStore store = FilePageStore.Open(path, FilePageStoreTests.Made(256 * Page));
        ulong written = 0;
        IOException? full = null;
        for (; full is null && written < 256; written += 4)
        {
            try
            {
                store.Write(written * Page, Pattern.Bytes(4 * Page, 1, written * Page));
            }
            catch (IOException exception)
            {
                full = exception;
                written -= 4;
            }
        }

        Assert.NotNull(full);
        Assert.Contains("bytes at", full.Message, StringComparison.Ordinal);
        Assert.Contains("the disk is full (", full.Message, StringComparison.Ordinal);
        Assert.Contains("make room, then write them again", full.Message, StringComparison.Ordinal);
        FilePageStoreTests.AssertRead(Pattern.Bytes(written * Page), store, 0);
        store.Write(0, Pattern.Bytes(4 * Page, 7)); // what has its place can be written again
        store.Flush();
        FilePageStoreTests.AssertRead(Pattern.Bytes(4 * Page, 7), store, 0);
        Assert.Equal(256 * Page, (ulong)new FileInfo(path).Length);
    }

    [Fact]
    public void Flush_that_failed_fails_for_ever()
    {
        using var folder = new TemporaryFolder();
        string mounted = folder.File("mounted");
        using SmallDisk disk = SmallDisk.Mount(folder, mounted, 32 << 20);
        using (FilePageStore store = FilePageStore.Open(Path.Combine(mounted, "store"), FilePageStoreTests.Made(1024 * Page)))
        {
            store.Write(0, Pattern.Bytes(Page));
            store.Flush();
            disk.Fill();
            store.Write(512 * Page, Pattern.Bytes(256 * Page)); // the page cache takes it
            string first = Assert.ThrowsAny<IOException>(store.Flush).Message;
            Assert.Contains("may be lost", first, StringComparison.Ordinal);
            Assert.Contains("open the store anew", first, StringComparison.Ordinal);
            disk.Empty();
            Assert.Contains("a flush failed before", Assert.ThrowsAny<IOException>(store.Flush).Message, StringComparison.Ordinal);
            using (var other = RawFile.Open(store.Path, make: false))
            {
                RawFile.FlushData(other); // the control: the kernel has forgotten it
            }

            Assert.ThrowsAny<IOException>(store.Flush);
        }

        using FilePageStore again = FilePageStore.Open(Path.Combine(mounted, "store"));
        again.Write(512 * Page, Pattern.Bytes(256 * Page));
        again.Flush();
        FilePageStoreTests.AssertRead(Pattern.Bytes(256 * Page), again, 512 * Page);
    }

    [Fact]
    public void Flush_that_promises_nothing_asks_for_nothing()
    {
        using var folder = new TemporaryFolder();
        string mounted = folder.File("mounted");
        using SmallDisk disk = SmallDisk.Mount(folder, mounted, 32 << 20);
        using FilePageStore store = FilePageStore.Open(
            Path.Combine(mounted, "store"), FilePageStoreTests.Made(1024 * Page) with { Durability = FileDurability.None });
        disk.Fill();
        store.Write(512 * Page, Pattern.Bytes(256 * Page));
        store.Flush();
        FilePageStoreTests.AssertRead(Pattern.Bytes(256 * Page), store, 512 * Page);
        disk.Empty();
    }
}
