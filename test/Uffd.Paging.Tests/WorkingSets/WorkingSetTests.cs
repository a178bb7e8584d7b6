using FsCheck;
using FsCheck.Fluent;

namespace Uffd.Paging.Tests.WorkingSets;

public class WorkingSetTests
{
    [Fact]
    public void Set_keeps_the_order_and_counts()
    {
        Assert.Equal([Sets.Run(3, 2), Sets.Run(0), Sets.Run(300)], Sets.Example.Runs);
        Assert.Equal(4UL, Sets.Example.TotalPages);
        Assert.Equal(4 * Sets.Page, Sets.Example.TotalBytes);
    }

    [Fact]
    public void Coalesced_is_sorted_merged_and_the_same_pages()
        => Prop.ForAll(Sets.Any, set =>
        {
            IReadOnlyList<SourceRange> merged = set.Coalesce();
            for (int index = 1; index < merged.Count; index++)
            {
                Assert.True(merged[index - 1].End < merged[index].Offset);
            }

            Assert.Equal(set.TotalBytes, merged.Aggregate(0UL, (sum, run) => sum + run.Length));
            Assert.All(set.Runs, run => Assert.Single(merged, whole => whole.Offset <= run.Offset && run.End <= whole.End));
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0, 0, 4096, 0, "not whole pages")]
    [InlineData(100, 4096, 4096, 0, "not whole pages")]
    [InlineData(4096, 100, 4096, 0, "not whole pages")]
    [InlineData(4096, 4096, 8192, 0, "not whole pages")]
    [InlineData(ulong.MaxValue - 4095, 4096, 4096, 0, "not whole pages")]
    [InlineData(4096, ulong.MaxValue - 4095, 4096, 0, "not whole pages")]
    [InlineData(8192, 4096, 4096, 8192, "beyond the image")]
    [InlineData(0, 4096, 512, 0, "page size")]
    [InlineData(0, 4096, 0, 0, "page size")]
    [InlineData(0, 12288, 12288, 0, "page size")]
    public void What_is_no_set_is_refused(ulong offset, ulong length, ulong pageSize, ulong imageLength, string because)
        => Assert.Contains(because, Assert.Throws<ArgumentException>(() => new WorkingSet([new SourceRange(offset, length)], pageSize, imageLength)).Message, StringComparison.Ordinal);

    [Fact]
    public void Page_that_is_in_it_twice_is_refused()
    {
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => new WorkingSet([Sets.Run(1, 4), Sets.Run(4)])).Message, StringComparison.Ordinal);
        Assert.Equal(2, new WorkingSet([Sets.Run(1, 3), Sets.Run(4)]).Runs.Count);
    }

    [Fact]
    public void Last_page_may_be_filled_in_part()
    {
        Assert.Equal(1UL, new WorkingSet([Sets.Run(1)], Sets.Page, 4097).TotalPages);
        Assert.Null(new WorkingSet([Sets.Run(1)]).FindMismatch(4097));
        Assert.Contains("pages up to byte 8192", new WorkingSet([Sets.Run(1)]).FindMismatch(4096), StringComparison.Ordinal);
    }

    [Fact]
    public void Set_of_an_image_of_another_length_does_not_fit()
    {
        Assert.Null(Sets.Example.FindMismatch(16 << 20));
        Assert.Contains("16777216", Sets.Example.FindMismatch(32 << 20), StringComparison.Ordinal);
        Assert.Null(new WorkingSet([]).FindMismatch(1));
    }
}
