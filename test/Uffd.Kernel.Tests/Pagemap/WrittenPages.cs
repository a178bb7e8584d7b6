using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Pagemap;

/// <summary>What was written is told, and nothing else, on every kind of memory.</summary>
public sealed class WrittenPages
{
    public static TheoryData<TrackedMemory> Memories => [.. Enum.GetValues<TrackedMemory>()];

    [Theory]
    [MemberData(nameof(Memories))]
    public void Clean_at_the_start(TrackedMemory memory)
    {
        using Tracked tracked = Tracked.Create(memory);
        Assert.Empty(tracked.Written());
    }

    [Theory]
    [MemberData(nameof(Memories))]
    public void All_dirty(TrackedMemory memory)
    {
        using Tracked tracked = Tracked.Create(memory);
        tracked.WriteAll();
        Assert.Equal([tracked.Range], tracked.Written());
        Assert.Equal([tracked.Range], tracked.Written()); // looking changes nothing
    }

    [Theory]
    [MemberData(nameof(Memories))]
    public void All_but_the_first_and_the_last(TrackedMemory memory)
    {
        using Tracked tracked = Tracked.Create(memory);
        tracked.Write(Enumerable.Range(1, tracked.Units - 2));
        Assert.Equal([tracked.UnitAt(1, tracked.Units - 2)], tracked.Written());
    }

    [Theory]
    [MemberData(nameof(Memories))]
    public void Protected_then_clean(TrackedMemory memory)
    {
        using Tracked tracked = Tracked.Create(memory);
        tracked.WriteAll();
        Assert.Equal([tracked.Range], tracked.Written(Tracked.Harvest));
        Assert.Empty(tracked.Written());
        tracked.WriteAll();
        Assert.Equal([tracked.Range], tracked.Written(Tracked.Harvest));
        Assert.Empty(tracked.Written(Tracked.Harvest));
    }

    [Theory]
    [MemberData(nameof(Memories))]
    public void Middle_page(TrackedMemory memory)
    {
        using Tracked tracked = Tracked.Create(memory);
        int middle = tracked.Units / 2;
        tracked.Write(middle);
        Assert.Equal([tracked.UnitAt(middle)], tracked.Written(Tracked.Harvest));
        Assert.Empty(tracked.Written());
    }

    [Theory]
    [MemberData(nameof(Memories))]
    public void Two_middle_pages(TrackedMemory memory)
    {
        using Tracked tracked = Tracked.Create(memory);
        int middle = tracked.Units / 2;
        tracked.Write(middle - 1, middle + 1);
        Assert.Equal([tracked.UnitAt(middle - 1), tracked.UnitAt(middle + 1)], tracked.Written(Tracked.Harvest));
        Assert.Empty(tracked.Written());
    }

    [Fact]
    public void Again_and_again()
    {
        using Tracked tracked = Tracked.Create();
        for (int round = 0; round < 100; round++)
        {
            int page = round % tracked.Units;
            tracked.Write(page);
            Assert.Equal([tracked.UnitAt(page)], tracked.Written(Tracked.Harvest));
            Assert.Empty(tracked.Written());
        }
    }
}
