namespace Uffd.Paging.Tests.Stores;

/// <summary>A store in memory: what it costs before it is written.</summary>
public sealed class MemoryPageStoreTests
{
    [Fact]
    public void Terabytes_that_are_not_written_cost_nothing()
    {
        const ulong Length = 1UL << 42;
        long before = Environment.WorkingSet;
        using var store = new MemoryPageStore(Length);
        Assert.Equal(new SourceRun(Length, SourceRunKind.Hole), store.GetRun(0, Length));
        store.Write(Length - Pattern.Page, Pattern.Bytes(Pattern.Page));
        Assert.Equal(new SourceRun(Length - Pattern.Page, SourceRunKind.Hole), store.GetRun(0, Length));
        FilePageStoreTests.AssertRead([.. new byte[Pattern.Page], .. Pattern.Bytes(Pattern.Page)], store, Length - (2 * Pattern.Page));
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 64 << 20);
    }

    [Fact]
    public async Task Bytes_behind_the_end_are_ignored_and_zeros()
    {
        using var store = new MemoryPageStore(100);
        store.Write(0, Pattern.Bytes(Pattern.Page));
        byte[] expected = [.. Pattern.Bytes(104)[..100], .. new byte[Pattern.Page - 100]];
        FilePageStoreTests.AssertRead(expected, store, 0);
        Assert.Equal(DirectAccess.Full, store.GetDirect(0, Pattern.Page, out ulong address));
        Assert.Equal(expected, await NativeTouch.ReadAsync(address, (int)Pattern.Page));
        Assert.Equal(DirectAccess.None, store.GetDirect(0, Pattern.Page + 1, out _));
    }

    [Fact]
    public void What_is_outside_is_refused()
    {
        using var store = new MemoryPageStore(Pattern.Page);
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Write(Pattern.Page, new byte[Pattern.Page]));
        Assert.Throws<ArgumentException>(() => store.Write(0, new byte[8]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryPageStore(0));
    }
}
