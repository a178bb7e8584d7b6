namespace Uffd.Paging.Tests.Stores;

public class JournaledPageStoreTests
{
    private const int Page = PackedPages.Page;

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(30));

    [Fact]
    public void Journal_is_made_for_its_user_alone_and_kept_small()
    {
        using var folder = new TemporaryFolder();
        using var inner = new PlainFileStore(folder.File("store"), 100 * Page);
        using (var store = new JournaledPageStore(inner, folder.File("journal"), ownsInner: false))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File("journal")));
            Assert.Equal(2, Directory.GetFiles(folder.Path).Length); // nothing temporary is left
            byte[] content = Pattern.Bytes(100 * Page);
            store.Write(0, content);
            Assert.Equal(100, store.PendingPages);
            Assert.True(new FileInfo(folder.File("journal")).Length > 100 * Page);
            Assert.Equal(new byte[100 * Page], File.ReadAllBytes(folder.File("store"))); // not yet
            Assert.Equal(content, PackedPages.Read(store, 0, content.Length));
            store.Flush();
            Assert.Equal(content, File.ReadAllBytes(folder.File("store")));
            Assert.Equal(0, store.PendingPages);
            Assert.Equal(2 * Page, new FileInfo(folder.File("journal")).Length);
            store.Flush();
            store.Write(Page, new byte[Page]); // dropped
        }

        using var again = new JournaledPageStore(inner, folder.File("journal"), ownsInner: false);
        Assert.Equal(Pattern.Bytes(Page, offset: Page), PackedPages.Read(again, Page));
    }

    [Fact]
    public void Journal_that_is_in_use_or_of_another_store_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var inner = new PlainFileStore(folder.File("store"), 3 * Page);
        using var longer = new PlainFileStore(folder.File("longer"), 4 * Page);
        string path = folder.File("journal");
        var mine = Guid.NewGuid();
        using (new JournaledPageStore(inner, path, new JournalOptions { StoreIdentity = mine }, ownsInner: false))
        {
            Assert.Contains("another store has it open", Assert.Throws<IOException>(() => new JournaledPageStore(inner, path)).Message, StringComparison.Ordinal);
        }

        byte[] before = File.ReadAllBytes(path);
        Assert.Contains("of 12288 bytes, and this one has 16384", Assert.Throws<InvalidDataException>(() => new JournaledPageStore(longer, path)).Message, StringComparison.Ordinal);
        Assert.Contains($"belongs to the store {mine}", Assert.Throws<InvalidDataException>(() => new JournaledPageStore(inner, path)).Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(path));
        new JournaledPageStore(inner, path, new JournalOptions { StoreIdentity = mine }, ownsInner: false).Dispose();

        File.WriteAllText(folder.File("text"), "no journal at all");
        Assert.Contains("is no journal", Assert.Throws<InvalidDataException>(() => new JournaledPageStore(inner, folder.File("text"))).Message, StringComparison.Ordinal);
        Assert.Equal("no journal at all", File.ReadAllText(folder.File("text")));
        Assert.Contains("is a folder", Assert.Throws<IOException>(() => new JournaledPageStore(inner, folder.Path)).Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => new JournaledPageStore(inner, folder.File("none/journal")));
        Assert.Throws<ArgumentOutOfRangeException>(() => new JournaledPageStore(inner, folder.File("new"), new JournalOptions { MaxBytes = 1 }));
        Assert.False(File.Exists(folder.File("new")));
    }

    [Fact]
    public void Full_journal_says_so_and_a_flush_makes_room()
    {
        using var folder = new TemporaryFolder();
        using var store = new JournaledPageStore(new PlainFileStore(folder.File("store"), 100 * Page), folder.File("journal"), new JournalOptions { MaxBytes = 16 * Page });
        for (ulong round = 1; round <= 3; round++)
        {
            ulong written = 0;
            IOException? full = null;
            for (; full is null; written++)
            {
                try
                {
                    store.Write(written * Page, Pattern.Bytes(Page, round, written * Page));
                }
                catch (IOException exception)
                {
                    full = exception;
                }
            }

            Assert.Equal(14UL, written); // two headers, the record, and the one that was refused
            Assert.Contains("flush more often, or allow more", full.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', full.Message);
            Assert.InRange(new FileInfo(folder.File("journal")).Length, 1, 16 * Page);
            Assert.Throws<IOException>(() => store.Write(0, new byte[50 * Page])); // and nothing of it
            Assert.Equal(Pattern.Bytes(13 * Page, round), PackedPages.Read(store, 0, 13 * Page));
            store.Flush();
            Assert.Equal(Pattern.Bytes(13 * Page, round), File.ReadAllBytes(folder.File("store"))[..(13 * Page)]);
        }
    }

    [Fact]
    public void Page_that_is_written_again_and_again_takes_two_places()
    {
        using var folder = new TemporaryFolder();
        using var store = new JournaledPageStore(new PlainFileStore(folder.File("store"), 9 * Page), folder.File("journal"), new JournalOptions { MaxBytes = 16 * Page });
        for (int turn = 0; turn < 1000; turn++)
        {
            store.Write((ulong)(turn % 9 * Page), PackedPages.Make(turn, Page));
        }

        Assert.InRange(new FileInfo(folder.File("journal")).Length, 1, 12 * Page);
        store.Flush();
        Assert.All(Enumerable.Range(991, 9), turn => Assert.Equal(PackedPages.Make(turn, Page), PackedPages.Read(store, (ulong)(turn % 9 * Page))));
    }

    [Fact]
    public void Full_disk_is_an_error_and_loses_nothing()
    {
        using var folder = new TemporaryFolder();
        using var small = new SmallTmpfs(folder, 64 * Page);
        using var store = new JournaledPageStore(new PlainFileStore(folder.File("store"), 100 * Page), folder.File("small/journal"));
        store.Write(0, Pattern.Bytes(40 * Page));
        Assert.Throws<IOException>(() => store.Write(40 * Page, Pattern.Bytes(40 * Page, offset: 40 * Page)));
        store.Flush();
        Assert.Equal(Pattern.Bytes(40 * Page), PackedPages.Read(store, 0, 40 * Page));
        store.Write(40 * Page, Pattern.Bytes(40 * Page, offset: 40 * Page));
        store.Flush();
        Assert.Equal(Pattern.Bytes(80 * Page), File.ReadAllBytes(folder.File("store"))[..(80 * Page)]);
    }

    [Fact]
    public async Task Reads_go_on_while_a_flush_is_under_way_and_writes_wait_for_it()
    {
        using var folder = new TemporaryFolder();
        var inner = new GatedStore(new PlainFileStore(folder.File("store"), 8 * Page));
        using var store = new JournaledPageStore(inner, folder.File("journal"));
        store.Write(0, Pattern.Bytes(4 * Page));
        Task flush = Task.Run(store.Flush, TestContext.Current.CancellationToken);
        await inner.ArrivedAsync();
        Assert.Equal([.. Pattern.Bytes(4 * Page), .. new byte[4 * Page]], PackedPages.Read(store, 0, 8 * Page));
        Task write = Task.Run(() => store.Write(5 * Page, Pattern.Bytes(Page)), TestContext.Current.CancellationToken);
        await Task.WhenAny(write, Task.Delay(100, TestContext.Current.CancellationToken));
        Assert.False(write.IsCompleted);
        inner.Open();
        await flush.WaitAsync(Patience, TestContext.Current.CancellationToken);
        await write.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(1, store.PendingPages);
    }

    [Fact]
    public async Task Readers_and_writers_of_pages_of_their_own_agree_through_many_flushes()
    {
        const int PagesOfOne = 20;
        const int Writers = 3;
        using var folder = new TemporaryFolder();
        using var store = new JournaledPageStore(new PlainFileStore(folder.File("store"), Writers * PagesOfOne * Page), folder.File("journal"));
        using var ended = new CancellationTokenSource();
        Task[] workers = [.. Enumerable.Range(0, Writers).Select(number => Task.Run(() =>
        {
            var random = new Random(number);
            int[] seeds = new int[PagesOfOne];
            Array.Fill(seeds, -1);
            for (int turn = 0; turn < 3000; turn++)
            {
                int index = random.Next(PagesOfOne);
                ulong offset = (ulong)((index * Writers) + number) * Page;
                if (random.Next(4) == 0)
                {
                    seeds[index] = random.Next();
                    store.Write(offset, PackedPages.Make(seeds[index], 100));
                }
                else
                {
                    Assert.Equal(seeds[index] < 0 ? new byte[Page] : PackedPages.Make(seeds[index], 100), PackedPages.Read(store, offset));
                }
            }
        }, TestContext.Current.CancellationToken))];
        Task<int> flusher = Task.Run(
            () =>
            {
                int flushes = 0;
                for (; !ended.IsCancellationRequested; flushes++)
                {
                    store.Flush();
                }

                return flushes;
            },
            TestContext.Current.CancellationToken);
        await Task.WhenAll(workers).WaitAsync(Patience, TestContext.Current.CancellationToken);
        await ended.CancelAsync();
        Assert.True(await flusher.WaitAsync(Patience, TestContext.Current.CancellationToken) > 10);
    }

    [Fact]
    public void Store_that_bypasses_the_cache_gets_aligned_buffers()
    {
        using var folder = new TemporaryFolder();
        var inner = new GatedStore(new PlainFileStore(folder.File("store"), 600 * Page));
        inner.Open();
        using var store = new JournaledPageStore(inner, folder.File("journal"));
        store.Write(0, Pattern.Bytes(600 * Page));
        store.Flush();
        Assert.True(inner.AllAligned);
        Assert.Equal([256 * Page, 256 * Page, 88 * Page], inner.Lengths);
    }

    [Fact]
    public void Runs_are_told_of_both()
    {
        using var folder = new TemporaryFolder();
        using var store = new JournaledPageStore(new CompressedMemoryPageStore(10 * Page), folder.File("journal"));
        store.Write(2 * Page, new byte[3 * Page]);
        Assert.Equal(new SourceRun(2 * Page, SourceRunKind.Zero), store.GetRun(0, 10 * Page));
        Assert.Equal(new SourceRun((3 * Page) - 1, SourceRunKind.Data), store.GetRun((2 * Page) + 1, 10 * Page));
        Assert.Equal(new SourceRun(5 * Page, SourceRunKind.Zero), store.GetRun(5 * Page, 10 * Page));
        Assert.Equal(DirectAccess.None, ((IPageSource)store).GetDirect(0, Page, out _));
    }
}
