namespace Uffd.Snapshots.Tests.Elf;

/// <summary>Bits of pages are an array of bools, across the borders of words and chunks too.</summary>
public class PageBitsTests
{
    private const int Length = (3 * 32768) + 77;

    [Fact]
    public void Runs_are_those_of_an_array()
    {
        var random = new Random(11);
        var bits = new PageBits();
        bool[] known = new bool[Length];
        for (int step = 0; step < 2000; step++)
        {
            int first = step % 3 == 0 ? Math.Max(0, (random.Next(1, 4) * 32768) - random.Next(200)) : random.Next(Length);
            int count = Math.Min(1 + random.Next(step % 10 == 0 ? Length : 300), Length - first);
            bool value = random.Next(2) == 0;
            Span<bool> run = known.AsSpan(first, count);
            Assert.Equal(run.Count(!value), value ? bits.Set(first, count) : bits.Clear(first, count));
            run.Fill(value);

            int from = random.Next(Length);
            int limit = from + random.Next(Length - from);
            Assert.Equal(Next(known, from, limit, wanted: true), bits.NextSet(from, limit));
            Assert.Equal(Next(known, from, limit, wanted: false), bits.NextClear(from, limit));
        }
    }

    private static long Next(bool[] known, int from, int limit, bool wanted)
    {
        int index = known.AsSpan(from, limit - from).IndexOf(wanted);
        return index < 0 ? limit : from + index;
    }
}
