namespace Uffd.Bench;

/// <summary>
/// Numbers that are drawn as often as Zipf's law says, by the method of Gray and others ("Quickly generating billion-record
/// synthetic databases"), then scattered over the whole range: the popular ones do not lie side by side.
/// </summary>
internal sealed class ZipfNumbers
{
    private readonly ulong count;
    private readonly double alpha;
    private readonly double eta;
    private readonly double zeta;
    private readonly double second;
    private ulong state;

    public ZipfNumbers(ulong count, double theta, ulong seed)
    {
        this.count = count;
        state = seed;
        zeta = Zeta(count, theta);
        second = 1 + Math.Pow(0.5, theta);
        alpha = 1 / (1 - theta);
        eta = (1 - Math.Pow(2.0 / count, 1 - theta)) / (1 - (second / zeta));
    }

    /// <summary>The next rank: 0 is the most popular.</summary>
    public ulong NextRank()
    {
        var uniform = NextUniform();
        var scaled = uniform * zeta;
        if (scaled < 1)
        {
            return 0;
        }

        return scaled < second ? 1 : Math.Min(count - 1, (ulong)(count * Math.Pow((eta * uniform) - eta + 1, alpha)));
    }

    /// <summary>The next number.</summary>
    public ulong Next() => Record.Mix(NextRank()) % count;

    /// <summary>From 0 up to 1.</summary>
    public double NextUniform()
    {
        state = unchecked(state + 0x9E3779B97F4A7C15);
        return (Record.Mix(state) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>The sum of 1/i^theta. Behind the first million it is smooth enough for an integral.</summary>
    private static double Zeta(ulong count, double theta)
    {
        const ulong Exact = 1_000_000;
        double sum = 0;
        for (ulong i = 1; i <= Math.Min(count, Exact); i++)
        {
            sum += Math.Pow(i, -theta);
        }

        return count <= Exact
            ? sum
            : sum + ((Math.Pow(count + 0.5, 1 - theta) - Math.Pow(Exact + 0.5, 1 - theta)) / (1 - theta));
    }
}
