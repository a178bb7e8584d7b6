namespace Uffd.Paging.Tests;

/// <summary>Bytes are found wherever they lie, as in a span.</summary>
public sealed class PagedSearchTests
{
    private const int Step = 64 << 10;

    [Fact]
    public void Random_searches_find_what_those_in_a_span_find()
    {
        Requires.Paging();
        var random = new Random(11);
        byte[] bytes = new byte[(6 * Step) + 123];
        for (int index = 0; index < bytes.Length; index++)
        {
            bytes[index] = (byte)random.Next(3); // so that beginnings of what is sought are everywhere
        }

        using PagedRegion region = new SurfaceStore(bytes).Open();
        for (int turn = 0; turn < 400; turn++)
        {
            int length = random.Next(4) switch { 0 => 1, 1 => random.Next(2, 12), 2 => random.Next(12, 200), _ => random.Next(4000, 9000) };
            int at = random.Next(bytes.Length - length);
            byte[] sought = bytes[at..(at + length)];
            if (random.Next(3) == 0)
            {
                sought[random.Next(length)] = (byte)random.Next(4);
            }

            int from = random.Next(bytes.Length + 1);
            int expected = bytes.AsSpan(from).IndexOf(sought);
            Assert.Equal(expected < 0 ? -1 : from + expected, region.Memory.IndexOf(sought, from));
        }

        Assert.Equal(0, region.GetStatistics().Leases);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(3 * Step)]
    public void Bytes_that_cross_a_step_at_any_place_are_found(int length)
    {
        Requires.Paging();
        byte[] sought = Pattern.Bytes((ulong)((length + 7) / 8 * 8))[..length];
        foreach (int place in (int[])[0, 1, Step - length + 1, Step - 1, Step, (2 * Step) - (length / 2), (7 * Step) - length])
        {
            if (place < 0)
            {
                continue;
            }

            byte[] bytes = new byte[7 * Step];
            sought.CopyTo(bytes, place);
            using PagedRegion region = new SurfaceStore(bytes).Open();
            Assert.Equal(place, region.Memory.IndexOf(sought));
            Assert.Equal(place, region.Memory.IndexOf(sought, place));
            Assert.Equal(-1, region.Memory.IndexOf(sought, place + 1));
            Assert.Equal(place == 0 ? 0 : place - 1, region.Memory.Slice(Math.Min(place, 1), bytes.Length - 1).IndexOf(sought));
        }
    }

    [Fact]
    public void Nothing_is_found_where_one_begins_and_what_is_longer_than_the_memory_nowhere()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(new byte[100]).Open();
        Assert.Equal(0, region.Memory.IndexOf([]));
        Assert.Equal(100, region.Memory.IndexOf([], 100));
        Assert.Equal(-1, region.Memory.IndexOf(new byte[101]));
        Assert.Equal(0, region.Memory.IndexOf(new byte[100]));
        Assert.Equal(-1, region.Memory.IndexOf([1], 100));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.Memory.IndexOf([1], 101));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.Memory.IndexOf([1], -1));
    }
}
