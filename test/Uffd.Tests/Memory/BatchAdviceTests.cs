namespace Uffd.Tests.Memory;

/// <summary>Advice for many parts of a mapping at once.</summary>
public sealed class BatchAdviceTests
{
    private static readonly ulong Page = (ulong)Environment.SystemPageSize;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    public void Scattered_pages_go_and_their_neighbours_stay(int count)
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous((ulong)count * 2 * Page);
        mapping.AsSpan().Fill(7);
        AddressRange[] every = [.. Enumerable.Range(0, count).Select(index => new AddressRange(mapping.Address + ((ulong)index * 2 * Page), Page))];
        mapping.Advise(MemoryAdvice.DontNeed, every);
        for (int index = 0; index < count; index++)
        {
            Assert.Equal(0, mapping.AsSpan((ulong)index * 2 * Page, 1)[0]);
            Assert.Equal(7, mapping.AsSpan(((ulong)(index * 2) + 1) * Page, 1)[0]);
        }
    }

    [Fact]
    public void Part_outside_is_refused_before_anything_is_done()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(2 * Page);
        mapping.AsSpan().Fill(7);
        AddressRange[] ranges = [new(mapping.Address, Page), new(mapping.Range.End, Page)];
        Assert.Throws<ArgumentOutOfRangeException>(() => mapping.Advise(MemoryAdvice.DontNeed, ranges));
        Assert.Equal(7, mapping.AsSpan(0, 1)[0]);
    }
}
