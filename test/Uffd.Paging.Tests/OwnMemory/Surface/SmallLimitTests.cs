namespace Uffd.Paging.Tests;

/// <summary>The smallest limit is enough for everything, and one bad page is the trouble of those who need it.</summary>
public sealed class SmallLimitTests
{
    private const int Step = 64 << 10;

    [Theory]
    [InlineData(Step)]
    [InlineData(100_000)]
    [InlineData(8 * Step)]
    public Task Writes_that_want_more_at_once_than_the_low_mark_leaves_go_on(int length) => Bounded.RunAsync(() =>
    {
        Requires.Paging();
        var store = new SurfaceStore(new byte[8 * Step]);
        byte[] bytes = Pattern.Bytes((ulong)length);
        using (PagedRegion region = store.Open())
        {
            for (int round = 0; round < 3; round++)
            {
                for (long at = 0; at + length <= region.Length; at += length)
                {
                    region.Memory.CopyFrom(at, bytes);
                }
            }
        }

        Assert.True(store.Bytes.AsSpan(0, length).SequenceEqual(bytes));
    });

    [Fact]
    public Task Page_that_cannot_be_read_keeps_none_back_that_can() => Bounded.RunAsync(async () =>
    {
        Requires.Paging();
        byte[] bytes = Pattern.Bytes(8 * Step);
        ulong bad = (4 * Step) + (3 * Pattern.Page);
        await using PagedRegion region = new SurfaceStore(bytes) { BadFrom = bad }.Open();
        for (long at = 0; at < (long)bad; at += 8)
        {
            Assert.Equal(BitConverter.ToInt64(bytes, (int)at), at < (long)bad / 2 ? region.Memory.Read<long>(at) : await region.Memory.ReadAsync<long>(at, TestContext.Current.CancellationToken));
        }

        Assert.Throws<IOException>(() => region.Memory.Read<long>((long)bad));
        await Assert.ThrowsAsync<IOException>(() => region.Memory.ReadAsync<long>((long)bad, TestContext.Current.CancellationToken).AsTask());
    });
}
