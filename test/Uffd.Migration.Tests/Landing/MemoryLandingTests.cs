using System.Diagnostics;
using Uffd.Paging;
using Uffd.Processes;

namespace Uffd.Migration.Tests.Landing;

/// <summary>Memory of this process that a region lands in.</summary>
public sealed class MemoryLandingTests : IDisposable
{
    private const int Page = 4096;
    private const int Pages = 256;
    private const int Size = Pages * Page;

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly List<IDisposable> _used = [];
    private readonly byte[] _before = new byte[Size];
    private readonly byte[] _source = new byte[Size];

    public MemoryLandingTests()
    {
        Requires.Features(UffdFeatures.Poison);
        new Random(1).NextBytes(_before);
        new Random(2).NextBytes(_source);
    }

    public void Dispose() => _used.ForEach(one => one.Dispose());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task All_that_is_missing_comes(bool memfd)
    {
        MemoryLanding landing = Land(memfd);
        FakePages pages = new FakePages(_source).With(SourceRunKind.Data, 0, Pages);
        landing.Switch(pages);
        Task<byte[]> touch = NativeTouch.ReadAsync(landing.Address + (100 * Page), 3 * Page);
        await UntilAsync(() => pages.Awaited > 0);
        Assert.False(touch.IsCompleted);
        pages.Answer();
        Assert.Equal(_source[(100 * Page)..(103 * Page)], await touch);
        await CompletedAsync(landing);
        AssertContent(landing, _source);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_came_before_stays_unless_it_is_missing(bool memfd)
    {
        MemoryLanding landing = Land(memfd);
        byte[] expected = new byte[Size];
        Write(landing, expected, 0, 100, _before);
        Write(landing, expected, 50, 10, _source); // again
        Write(landing, expected, 90, 30, _source); // some of it again
        Clear(landing, expected, 20, 5);
        Clear(landing, expected, 200, 5);
        Clear(landing, expected, 60, 10);
        Write(landing, expected, 62, 2, _source); // after it was cleared
        FakePages pages = new FakePages(_source).With(SourceRunKind.Data, 10, 3).With(SourceRunKind.Data, 22, 1).With(SourceRunKind.Data, 250, 6);
        landing.Switch(pages);
        Assert.Equal(expected[(98 * Page)..(102 * Page)], await NativeTouch.ReadAsync(landing.Address + (98 * Page), 4 * Page)); // there at once
        Assert.Equal(new byte[Page], await NativeTouch.ReadAsync(landing.Address + (150 * Page), Page)); // never came, and is not missing
        Task<byte[]> stale = NativeTouch.ReadAsync(landing.Address + (11 * Page), Page);
        await UntilAsync(() => pages.Awaited > 0);
        Assert.False(stale.IsCompleted);
        pages.Answer();
        Assert.Equal(_source[(11 * Page)..(12 * Page)], await stale);
        await CompletedAsync(landing);
        foreach ((int first, int count) in new[] { (10, 3), (22, 1), (250, 6) })
        {
            _source.AsSpan(first * Page, count * Page).CopyTo(expected.AsSpan(first * Page));
        }

        AssertContent(landing, expected);
        Assert.Equal(10 * Page, landing.Space!.GetStatistics().CopiedBytes);
    }

    [Fact]
    public async Task Nothing_missing_is_whole_at_once()
    {
        MemoryLanding landing = Land();
        byte[] expected = new byte[Size];
        Write(landing, expected, 7, 100, _before);
        landing.Switch(new FakePages(_source));
        await CompletedAsync(landing);
        AssertContent(landing, expected);
        Assert.Throws<InvalidOperationException>(() => landing.Write(0, new byte[Page]));
        Assert.Throws<InvalidOperationException>(() => landing.Switch(new FakePages(_source)));
    }

    [Fact]
    public async Task Pages_that_are_lost_are_poisoned_and_no_others()
    {
        MemoryLanding landing = Land();
        byte[] expected = new byte[Size];
        Write(landing, expected, 0, Pages, _before);
        landing.Switch(new FakePages(_source).With(SourceRunKind.Data, 30, 10).With(SourceRunKind.Poisoned, 33, 2).Answer());
        await CompletedAsync(landing);
        _source.AsSpan(30 * Page, 10 * Page).CopyTo(expected.AsSpan(30 * Page));
        AssertContent(landing, expected, lost: [33, 34]);
        Assert.Equal(2, landing.Space!.GetStatistics().PoisonedPages);
    }

    [Fact]
    public async Task Source_that_is_given_up_poisons_what_is_touched_and_frees_who_waits()
    {
        Requires.KernelFaults();
        MemoryLanding landing = Land();
        byte[] expected = new byte[Size];
        Write(landing, expected, 0, Pages, _before);
        FakePages pages = new FakePages(_source).With(SourceRunKind.Data, 5, 1);
        landing.Switch(pages);
        Task<bool> touch = NativeTouch.Run(() => TryPopulate(landing, 5)); // by the kernel: a thread's own touch would end this process
        await UntilAsync(() => pages.Awaited > 0);
        Assert.True(TryPopulate(landing, 6));
        Assert.False(touch.IsCompleted);
        pages.GiveUp();
        Assert.False(await touch);
        await CompletedAsync(landing);
        AssertContent(landing, expected, lost: [5]);
    }

    [Fact]
    public async Task Disposing_poisons_what_is_missing_and_leaves_the_memory()
    {
        MemoryLanding landing = Land();
        byte[] expected = new byte[Size];
        Write(landing, expected, 0, 100, _before);
        landing.Switch(new FakePages(_source).With(SourceRunKind.Data, 10, 2).With(SourceRunKind.Data, 255, 1));
        landing.Dispose();
        await CompletedAsync(landing); // nothing is missing: it is lost
        AssertContent(landing, expected, lost: [10, 11, 255]);
        landing.Dispose();
    }

    [Fact]
    public async Task Disposed_before_the_switch_it_never_completes()
    {
        var landing = MemoryLanding.Create(Size);
        landing.Write(0, _before);
        landing.Dispose();
        await Assert.ThrowsAsync<IOException>(() => landing.Completed.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Throws<ObjectDisposedException>(() => landing.Write(0, new byte[Page]));
        Assert.Throws<ObjectDisposedException>(() => landing.Switch(new FakePages(_source)));
        Assert.Throws<ObjectDisposedException>(() => landing.Memory.AsSpan());
    }

    [Fact]
    public async Task Page_that_the_workload_discards_is_zeros_and_never_the_sources()
    {
        MemoryLanding landing = Land();
        byte[] expected = new byte[Size];
        Write(landing, expected, 0, 20, _before);
        FakePages pages = new FakePages(_source).With(SourceRunKind.Data, 10, 20);
        landing.Switch(pages);
        landing.Memory.Advise(MemoryAdvice.DontNeed, new AddressRange(landing.Address + (5 * Page), 15 * Page));
        Assert.Equal(new byte[4 * Page], await NativeTouch.ReadAsync(landing.Address + (8 * Page), 4 * Page));
        pages.Answer();
        await CompletedAsync(landing);
        expected.AsSpan(5 * Page, 15 * Page).Clear();
        _source.AsSpan(20 * Page, 10 * Page).CopyTo(expected.AsSpan(20 * Page));
        AssertContent(landing, expected);
    }

    [Fact]
    public async Task Many_threads_touch_while_it_comes()
    {
        MemoryLanding landing = Land();
        byte[] expected = new byte[Size];
        Write(landing, expected, 0, Pages, _before);
        FakePages pages = new(_source);
        for (int page = 0; page < Pages; page += 3)
        {
            pages.With(SourceRunKind.Data, page, 1);
            _source.AsSpan(page * Page, Page).CopyTo(expected.AsSpan(page * Page));
        }

        landing.Switch(pages.Answer());
        byte[][] seen = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => NativeTouch.ReadAsync(landing.Address, Size)));
        Assert.All(seen, bytes => Assert.True(bytes.AsSpan().SequenceEqual(expected)));
        await CompletedAsync(landing);
    }

    [Fact]
    public void Memory_that_cannot_be_used_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("file"), new byte[Size]);
        using FileStream file = File.OpenRead(folder.File("file"));
        using var mapped = MemoryMapping.MapFile(file.SafeFileHandle, 0, Size);
        Assert.Throws<ArgumentException>(() => new MemoryLanding(mapped));
        using IDisposable reserved = Requires.HugePages(1);
        using var huge = MemoryMapping.CreateAnonymous(2 << 20, new MemoryMappingOptions { Pages = MappingPages.Huge2MiB });
        Assert.Throws<ArgumentException>(() => new MemoryLanding(huge));
    }

    [Fact]
    public void What_lies_outside_is_refused()
    {
        MemoryLanding landing = Land();
        Assert.Throws<ArgumentOutOfRangeException>(() => landing.Write(Size, new byte[Page]));
        Assert.Throws<ArgumentOutOfRangeException>(() => landing.Write(ulong.MaxValue - 4095, new byte[Page]));
        Assert.Throws<ArgumentOutOfRangeException>(() => landing.Clear(Page, ulong.MaxValue));
        Assert.Throws<ArgumentException>(() => landing.Write(100, new byte[Page]));
        Assert.Throws<ArgumentException>(() => landing.Write(0, new byte[100]));
    }

    private static void Write(MemoryLanding landing, byte[] expected, int first, int count, byte[] from)
    {
        landing.Write((ulong)first * Page, from.AsSpan(first * Page, count * Page));
        from.AsSpan(first * Page, count * Page).CopyTo(expected.AsSpan(first * Page));
    }

    private static void Clear(MemoryLanding landing, byte[] expected, int first, int count)
    {
        landing.Clear((ulong)first * Page, (ulong)count * Page);
        expected.AsSpan(first * Page, count * Page).Clear();
    }

    private static bool TryPopulate(MemoryLanding landing, int page)
    {
        try
        {
            landing.Memory.Advise(MemoryAdvice.PopulateRead, new AddressRange(landing.Address + ((ulong)page * Page), Page));
            return true;
        }
        catch (UffdException)
        {
            return false;
        }
    }

    /// <summary>Reads as the kernel does, which poison refuses.</summary>
    private static void AssertContent(MemoryLanding landing, byte[] expected, params int[] lost)
    {
        using var memory = ProcessMemory.Open(Environment.ProcessId);
        byte[] bytes = new byte[Page];
        for (int page = 0; page < Pages; page++)
        {
            int got = memory.Read(landing.Address + ((ulong)page * Page), bytes);
            Assert.True(got == (lost.Contains(page) ? 0 : Page), $"page {page}: {got} bytes can be read");
            Assert.True(got == 0 || bytes.AsSpan().SequenceEqual(expected.AsSpan(page * Page, Page)), $"page {page} is wrong");
        }
    }

    private static async Task CompletedAsync(MemoryLanding landing) => await landing.Completed.WaitAsync(Patience, TestContext.Current.CancellationToken);

    private static async Task UntilAsync(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "in vain waited");
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    private MemoryLanding Land(bool memfd = false)
    {
        MemoryLanding landing;
        if (memfd)
        {
            var memory = MemoryMapping.CreateMemfd("landing", Size);
            memory.AsSpan(5 * Page, Page).Fill(9); // what is in it goes
            landing = new MemoryLanding(memory);
        }
        else
        {
            landing = MemoryLanding.Create(Size);
        }

        _used.AddRange([landing, landing.Memory]);
        return landing;
    }
}
