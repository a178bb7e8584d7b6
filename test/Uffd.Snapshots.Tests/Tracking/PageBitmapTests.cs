namespace Uffd.Snapshots.Tests;

/// <summary>The bits against an array.</summary>
public class PageBitmapTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 64)]
    [InlineData(3, 65)]
    [InlineData(4, 1000)]
    [InlineData(5, 4096)]
    public void Bits_agree_with_an_array(int seed, int pages)
    {
        var random = new Random(seed);
        var bitmap = new PageBitmap(pages);
        bool[] model = new bool[pages];
        for (int step = 0; step < 200; step++)
        {
            int from = random.Next(pages + 1);
            int end = random.Next(from, random.Next(3) == 0 ? pages + 1 : Math.Min(pages, from + 70) + 1);
            bool value = random.Next(2) == 0;
            if (value)
            {
                bitmap.Set(from, end);
            }
            else
            {
                bitmap.Clear(from, end);
            }

            model.AsSpan(from, end - from).Fill(value);
            int at = random.Next(pages + 1);
            int until = random.Next(at, pages + 1);
            Assert.Equal(Find(model, at, until, value: true), bitmap.FindSet(at, until));
            Assert.Equal(Find(model, at, until, value: false), bitmap.FindClear(at, until));
        }
    }

    [Fact]
    public void Outside_is_refused()
    {
        var bitmap = new PageBitmap(10);
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.Set(0, 11));
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.FindSet(-1, 5));
    }

    private static long Find(bool[] model, int from, int end, bool value)
    {
        int index = Array.IndexOf(model, value, from, end - from);
        return index < 0 ? end : index;
    }
}
