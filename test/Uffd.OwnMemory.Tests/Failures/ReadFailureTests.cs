namespace Uffd.Paging.OwnMemory.Tests.Failures;

/// <summary>A page that cannot be read is the failure of who wants that page, and of nobody else.</summary>
public sealed class ReadFailureTests
{
    private const int Bad = 37;

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Pages_around_one_that_cannot_be_read_are_not_disturbed(int concurrency)
    {
        using var small = new Small(concurrency: concurrency, options: static options => options with { ReadAheadBytes = 1 << 20 });
        small.Store.Content.Fill(5);
        small.Store.OnRead = static (offset, length) =>
        {
            if (offset <= Small.At(Bad) && offset + length > Small.At(Bad))
            {
                throw new IOException("no such sector");
            }
        };
        await Small.Run(() =>
        {
            for (int page = 0; page < 256; page++)
            {
                if (page == Bad)
                {
                    Assert.Throws<IOException>(() => small.Memory.Read<byte>(Small.At(Bad)));
                }
                else
                {
                    Assert.Equal(5, small.Memory.Read<byte>(Small.At(page)));
                }
            }
        });
        Assert.Equal(5, await small.Memory.ReadAsync<byte>(Small.At(Bad - 1), TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<IOException>(() => small.Memory.ReadAsync<byte>(Small.At(Bad), TestContext.Current.CancellationToken).AsTask());

        // What comes before it in a copy is there.
        byte[] found = new byte[60 * MemoryStore.Page];
        Assert.Throws<IOException>(() => small.Memory.CopyTo(0, found));
        Assert.Equal(5, found[(32 * MemoryStore.Page) - 1]);
        Assert.Throws<IOException>(() => small.Memory.Lease(Small.At(Bad - 3), 8 * MemoryStore.Page, PageAccess.Write));
        Assert.Equal(0, small.Region.GetStatistics().Leases);
        small.Store.OnRead = null;
        small.Memory.CopyTo(0, found);
        Assert.All(found, static value => Assert.Equal(5, value));
        small.AssertSound();
    }
}
