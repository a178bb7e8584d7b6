namespace Uffd.Tests;

/// <summary>Ranges, results and exceptions: no kernel needed.</summary>
public class ValueTests
{
    private static readonly AddressRange Range = new(0x1000, 0x2000);

    [Theory]
    [InlineData(0UL, false)]
    [InlineData(0xFFFUL, false)]
    [InlineData(0x1000UL, true)]
    [InlineData(0x2FFFUL, true)]
    [InlineData(0x3000UL, false)]
    [InlineData(ulong.MaxValue, false)]
    public void Range_contains_its_addresses(ulong address, bool contained) => Assert.Equal(contained, Range.Contains(address));

    [Fact]
    public void Range_never_wraps_around()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new AddressRange(ulong.MaxValue, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AddressRange(1, ulong.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => AddressRange.FromBounds(2, 1));
        Assert.Equal(ulong.MaxValue, new AddressRange(ulong.MaxValue - 1, 1).End);
        Assert.True(new AddressRange(ulong.MaxValue, 0).IsEmpty);
    }

    [Fact]
    public void Ranges_meet()
    {
        var next = new AddressRange(0x3000, 0x1000);
        var inside = new AddressRange(0x1800, 0x800);
        Assert.False(Range.Overlaps(next));
        Assert.True(Range.Overlaps(inside));
        Assert.True(Range.Contains(inside));
        Assert.False(inside.Contains(Range));
        Assert.Equal(inside, Range.Intersect(inside));
        Assert.True(Range.Intersect(next).IsEmpty);
        Assert.Equal(AddressRange.FromBounds(0x2000, 0x3000), Range.Intersect(new AddressRange(0x2000, 0x9000)));
    }

    [Fact]
    public void Range_is_cut_aligned_and_printed()
    {
        Assert.Equal(AddressRange.FromBounds(0x1800, 0x3000), Range.Skip(0x800));
        Assert.True(Range.Skip(0x2000).IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => Range.Skip(0x2001));
        Assert.True(Range.IsAligned(0x1000));
        Assert.False(Range.IsAligned(0x2000));
        Assert.Equal("1000-3000", Range.ToString());
        Assert.Equal(0x2000UL, AddressRange.AlignUp(0x1001, 0x1000));
        Assert.Equal(0x1000UL, AddressRange.AlignUp(0x1000, 0x1000));
        Assert.Throws<OverflowException>(() => AddressRange.AlignUp(ulong.MaxValue, 0x1000));
    }

    [Theory]
    [InlineData(true, 4096, Errno.None, 4096UL, Errno.None)]
    [InlineData(false, 8192, Errno.EAGAIN, 8192UL, Errno.EAGAIN)] // in part
    [InlineData(false, -11, Errno.EAGAIN, 0UL, Errno.EAGAIN)] // a negated errno is no size
    [InlineData(false, 0, Errno.EINVAL, 0UL, Errno.EINVAL)] // not written
    public void Kernels_two_answers_are_told_apart(bool succeeded, long field, Errno errno, ulong bytes, Errno expected)
        => Assert.Equal(new UffdResult(bytes, expected), UffdResult.From(succeeded, field, errno));

    [Fact]
    public void Incomplete_result_throws_with_what_was_done()
    {
        new UffdResult(4096, Errno.None).ThrowIfIncomplete();
        UffdException exception = Assert.Throws<UffdException>(() => new UffdResult(4096, Errno.EEXIST).ThrowIfIncomplete("Copy"));
        Assert.Equal(Errno.EEXIST, exception.Errno);
        Assert.Equal("Copy stopped after 4096 bytes: EEXIST (File exists)", exception.Message);
        Assert.False(new UffdResult(0, Errno.EEXIST).ShouldRetry);
    }

    [Fact]
    public void Error_number_without_a_name_is_kept()
    {
        var exception = new UffdException("something", (Errno)4095, "do this");
        Assert.Equal((Errno)4095, exception.Errno);
        Assert.StartsWith("something: errno 4095 (", exception.Message, StringComparison.Ordinal);
        Assert.EndsWith("; do this", exception.Message, StringComparison.Ordinal);
    }
}
