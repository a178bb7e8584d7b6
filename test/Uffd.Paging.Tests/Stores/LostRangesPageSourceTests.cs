namespace Uffd.Paging.Tests.Stores;

/// <summary>Ranges that are told to be lost.</summary>
public sealed class LostRangesPageSourceTests
{
    [Fact]
    public void Runs_reads_and_direct_access_stop_at_what_is_lost()
    {
        using LostRangesPageSource source = Make(new(300, 100), new(350, 150), new(100, 50), new(700, 0));
        Assert.Equal(new SourceRun(100, SourceRunKind.Data), source.GetRun(0, 900));
        Assert.Equal(new SourceRun(50, SourceRunKind.Poisoned), source.GetRun(100, 900));
        Assert.Equal(new SourceRun(20, SourceRunKind.Poisoned), source.GetRun(100, 20));
        Assert.Equal(new SourceRun(150, SourceRunKind.Data), source.GetRun(150, 900));
        Assert.Equal(new SourceRun(1, SourceRunKind.Poisoned), source.GetRun(499, 900));
        Assert.Equal(new SourceRun(500, SourceRunKind.Data), source.GetRun(500, 500));
        byte[] found = new byte[150];
        source.Read(150, found);
        Assert.Equal(Pattern.Bytes(1000)[150..300], found);
        Assert.Throws<IOException>(() => source.Read(150, new byte[151]));
        Assert.Equal(DirectAccess.Full, source.GetDirect(150, 150, out _));
        Assert.Equal(DirectAccess.None, source.GetDirect(149, 150, out _));
    }

    [Fact]
    public async Task Asynchronous_read_of_what_is_lost_fails_as_its_task()
    {
        using LostRangesPageSource source = Make(new SourceRange(0, 1));
        ValueTask read = source.ReadAsync(0, new byte[8], CancellationToken.None);
        await Assert.ThrowsAsync<IOException>(read.AsTask);
    }

    [Fact]
    public void Ranges_up_to_the_largest_offset_are_fine_and_no_further()
    {
        using LostRangesPageSource source = Make(new SourceRange(900, ulong.MaxValue - 900));
        Assert.Equal(new SourceRun(50, SourceRunKind.Poisoned), source.GetRun(950, 50));
        Assert.Throws<ArgumentException>(() => Make(new SourceRange(900, ulong.MaxValue)));
    }

    [Fact]
    public void Many_ranges_are_merged_and_found()
    {
        var random = new Random(1);
        SourceRange[] ranges = [.. Enumerable.Range(0, 300).Select(_ => new SourceRange((ulong)random.Next(2000), (ulong)random.Next(6)))];
        var sorted = new SortedRanges(ranges);
        bool[] lost = new bool[2100];
        foreach (SourceRange range in ranges)
        {
            lost.AsSpan((int)range.Offset, (int)range.Length).Fill(true);
        }

        for (int offset = 0; offset < lost.Length; offset++)
        {
            Assert.Equal(lost[offset], sorted.Contains((ulong)offset, 50, out ulong same));
            Assert.InRange(same, 1UL, 50UL);
            Assert.Equal(lost.Skip(offset).Take((int)same), Enumerable.Repeat(lost[offset], (int)Math.Min(same, (ulong)(lost.Length - offset))));
            Assert.Equal(lost.Skip(offset).Take(9).Any(one => one), sorted.Overlaps((ulong)offset, 9));
        }

        Assert.False(sorted.Overlaps(0, 0));
    }

    private static LostRangesPageSource Make(params SourceRange[] lost) => new(MemoryPageSource.FromBytes(Pattern.Bytes(1000)), lost);
}
