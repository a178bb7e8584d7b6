namespace Uffd.Paging.OwnMemory.Tests.Ending;

/// <summary>Regions whose length is odd, and their ends.</summary>
public sealed class EdgeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData((300 * 4096) - 1)]
    public async Task Last_byte_is_like_every_other(long length)
    {
        using var small = new Small(length: length, options: static options => options with { ReadAheadBytes = 1 << 20 });
        Assert.Equal(length, small.Region.Length);
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        small.Memory.CopyFrom(0, bytes);
        byte[] found = new byte[length];
        await small.Memory.CopyToAsync(0, found, TestContext.Current.CancellationToken);
        Assert.Equal(bytes, found);
        small.Memory.Write(length - 1, (byte)77);
        bytes[^1] = 77;
        Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.Write(length - 1, (short)1));
        Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.Read<byte>(length));
        using (PageLease lease = small.Memory.Lease(length - 1, 1, PageAccess.Write))
        {
            Assert.Equal(77, lease.Span[0]);
        }

        small.Memory.CopyTo(length, []);
        small.Region.Prefetch(length, 0);
        small.Reopen();
        Assert.True(small.Store.Content.SequenceEqual(bytes));
        small.Memory.CopyTo(0, found);
        Assert.Equal(bytes, found);
        small.AssertSound();
    }

    [Fact]
    public void Bytes_behind_the_end_are_nobodys()
    {
        // A lease's address is of whole pages in memory; what a careless user leaves behind the end is not in the store, nor in the next region.
        using var small = new Small(length: 10);
        small.Memory.Write(0, 1L);
        small.Reopen();
        Assert.Equal(1L, small.Memory.Read<long>(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.Read<long>(3));
        small.AssertSound();
    }

    [Fact]
    public void Slices_have_offsets_and_bounds_of_their_own()
    {
        using var small = new Small();
        PagedMemory slice = small.Memory.Slice(5000, 100).Slice(10, 20);
        slice.Write(0, 7L);
        Assert.Equal(7L, small.Memory.Read<long>(5010));
        Assert.Equal(20, slice.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Read<long>(13));
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Slice(19, 2));
        small.AssertSound();
    }
}
