namespace Uffd.Paging;

/// <summary>
/// Random numbers that depend on a seed and on how often it was asked, whichever threads ask: the same run again has the same ones.
/// </summary>
internal sealed class Dice(ulong seed)
{
    private long _rolls;

    /// <summary>The next number, from 0 to below 1.</summary>
    public double Roll() => At(Interlocked.Increment(ref _rolls));

    /// <summary>The n-th number, whatever was asked for before: SplitMix64.</summary>
    public double At(long n)
    {
        unchecked
        {
            ulong mixed = seed + ((ulong)n * 0x9e3779b97f4a7c15);
            mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
            return ((mixed ^ (mixed >> 31)) >> 11) * (1.0 / (1UL << 53)); // as many bits as a double holds
        }
    }
}
