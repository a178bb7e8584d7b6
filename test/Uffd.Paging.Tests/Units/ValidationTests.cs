namespace Uffd.Paging.Tests.Units;

/// <summary>Regions that cannot be served are refused with one line that says which and why.</summary>
public sealed class ValidationTests : IDisposable
{
    private const ulong Page = 4096;
    private const ulong Huge = 2 << 20;

    private readonly ReadSource _source = new(new byte[(4 * Huge) + 100]);

    public void Dispose() => _source.Dispose();

    [Theory]
    [InlineData(Page, 4 * Page, 0, 0)]
    [InlineData(0, Page, 0, 0)]
    [InlineData(Huge, Huge, 0, Huge)]
    [InlineData(Huge, Huge, Page, Huge)] // a source's offset need not be whole huge pages
    [InlineData(Page, (4 * Huge) + Page, 0, 0)] // the image ends inside the last page
    [InlineData(Huge, 5 * Huge, 0, Huge)]
    [InlineData(Page, Page, 4 * Huge, 0)]
    [InlineData(ulong.MaxValue - 8191, Page, 0, 0)]
    public void Good_ones_pass(ulong start, ulong length, ulong offset, ulong pageSize)
        => Assert.Null(AddressSpaceRegion.Validate([Region(start, length, offset, pageSize)]));

    [Theory]
    [InlineData(100, Page, 0, 0, "not whole pages")]
    [InlineData(Page, 100, 0, 0, "not whole pages")]
    [InlineData(Page, 0, 0, 0, "not whole pages")]
    [InlineData(Page, Huge, 0, Huge, "not whole pages")]
    [InlineData(Huge, Page, 0, Huge, "not whole pages")]
    [InlineData(Page, Page, 100, 0, "not a multiple")]
    [InlineData(Page, (4 * Huge) + (2 * Page), 0, 0, "beyond the image")]
    [InlineData(Page, Page, (4 * Huge) + Page, 0, "beyond the image")]
    [InlineData(Page, Page, ulong.MaxValue - 4095, 0, "beyond the image")]
    [InlineData(Huge, 2 * Huge, 4 * Huge, Huge, "beyond the image")]
    [InlineData(Page, Page, 0, 1, "page size")]
    [InlineData(Page, Page, 0, 512, "page size")]
    [InlineData(Page, Page, 0, 5000, "page size")]
    [InlineData(0, 1UL << 31, 0, 1UL << 31, "page size")]
    [InlineData(0, 1UL << 63, 0, 1UL << 63, "page size")]
    public void Bad_ones_are_told(ulong start, ulong length, ulong offset, ulong pageSize, string why)
        => Assert.Contains(why, AddressSpaceRegion.Validate([Region(start, length, offset, pageSize)]), StringComparison.Ordinal);

    [Fact]
    public void Ranges_that_wrap_cannot_be_made()
        => Assert.Throws<ArgumentOutOfRangeException>(() => Region(ulong.MaxValue - 4095, 2 * Page, 0, 0));

    [Fact]
    public void None_is_too_few() => Assert.NotNull(AddressSpaceRegion.Validate([]));

    [Theory]
    [InlineData(1, 4, 4, 4, true)]
    [InlineData(1, 4, 1, 4, true)]
    [InlineData(1, 10, 4, 2, true)]
    [InlineData(4, 2, 1, 10, true)]
    [InlineData(1, 4, 5, 4, false)]
    [InlineData(5, 4, 1, 4, false)]
    public void Overlap_is_told(ulong first, ulong firstPages, ulong second, ulong secondPages, bool overlaps)
    {
        string? fault = AddressSpaceRegion.Validate(
        [
            Region(first * Page, firstPages * Page, 0, 0),
            Region(100 * Page, Page, 0, 0),
            Region(second * Page, secondPages * Page, 0, 0),
        ]);
        Assert.Equal(overlaps, fault?.Contains("overlap", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public void Attach_refuses_before_it_takes_anything()
    {
        Requires.Features(UffdFeatures.None);
        using Userfaultfd userfaultfd = Userfaultfd.Create();
        using var pager = new Pager();
        Assert.Throws<ArgumentException>(() => pager.Attach(userfaultfd, [Region(100, Page, 0, 0)]));
        Assert.Throws<ArgumentException>(() => pager.Attach(userfaultfd, []));
        ArgumentException exception = Assert.Throws<ArgumentException>(() => pager.Attach(
            userfaultfd,
            [Region(Page, Page, 0, 0)],
            new AddressSpaceOptions { FailurePolicy = FaultFailurePolicy.Terminate }));
        Assert.Contains("TargetProcess", exception.Message, StringComparison.Ordinal);
        Assert.Empty(pager.AddressSpaces);
        Assert.False(userfaultfd.Handle.IsClosed);
    }

    private AddressSpaceRegion Region(ulong start, ulong length, ulong offset, ulong pageSize)
        => new(new AddressRange(start, length), _source, offset, pageSize);
}
