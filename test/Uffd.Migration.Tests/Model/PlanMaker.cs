using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>Makes plans of numbers.</summary>
internal static class PlanMaker
{
    /// <summary>How long silence lasts until a connection counts as broken: short, because plans have silences; a busy machine that is late only makes a resume more.</summary>
    private static readonly TimeSpan StallTimeout = TimeSpan.FromMilliseconds(400);

    /// <summary>A plan with everything.</summary>
    public static MigrationPlan Make(int seed)
    {
        var random = new Random(seed);
        RegionPlan[] regions = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => MakeRegion(random))];
        int streams = random.Next(1, 5);
        Disturbance disturbance = random.Next(5) < 3 ? Disturbance.None : (Disturbance)random.Next(1, Enum.GetValues<Disturbance>().Length);
        long bytes = regions.Sum(static region => (long)region.Pages) * TestMemory.PageBytes;
        bool losesSide = disturbance is Disturbance.LoseLinks or Disturbance.LoseSource or Disturbance.LoseDestination or Disturbance.CancelDestination;
        return new MigrationPlan
        {
            Seed = seed,
            Regions = regions,
            Streams = streams,
            Capacity = 1 << random.Next(9, 19),
            InPieces = random.Next(2) == 0,
            Disturbance = disturbance,
            Moment = (int)LogUniform(random, 1, (bytes / TestMemory.PageBytes) + 1),
            Burst = random.Next(4) == 0 ? 0 : (int)LogUniform(random, 1, 300),
            CanThrottle = random.Next(2) == 0,
            WindowBytes = (ulong)LogUniform(random, 4096, 4 << 20) / 4096 * 4096,
            Fetchers = random.Next(1, 4),
            Links = MakeLinks(random, streams, bytes),
            Source = new MigrationSourceOptions
            {
                MaxRounds = random.Next(3) switch { 0 => 0, 1 => random.Next(1, 4), _ => random.Next(4, 31) },
                MaxDowntime = TimeSpan.FromMilliseconds(LogUniform(random, 1, 100)),
                NotConverging = (NotConverging)random.Next(4),
                Compression = (MigrationCompression)random.Next(3),
                BytesPerSecond = random.Next(8) == 0 ? 10UL << 20 : 0,
                StallTimeout = StallTimeout,
                ResumeTimeout = losesSide ? TimeSpan.FromMilliseconds(300) : TimeSpan.FromSeconds(10),
            },
        };
    }

    /// <summary>A plan where nothing happens to the connections.</summary>
    public static MigrationPlan Undisturbed(int seed) => Make(seed) with { Links = [], Disturbance = Disturbance.None };

    /// <summary>A number between two others, small ones as often as large ones.</summary>
    public static long LogUniform(Random random, long least, long most)
        => Math.Clamp((long)(least * Math.Pow((double)most / least, random.NextDouble())), least, most);

    private static RegionPlan MakeRegion(Random random) => new(
        (int)LogUniform(random, 1, 200),
        HasBase: random.Next(3) == 0,
        LostShare: random.Next(3) == 0 ? random.NextDouble() * 0.2 : 0,
        HotShare: random.NextDouble());

    private static LinkPlan[] MakeLinks(Random random, int streams, long bytes)
    {
        int count = random.Next(4) == 0 ? 0 : random.Next(1, 6);
        bool hasSilent = random.Next(2) == 0;
        return [.. Enumerable.Range(0, count).Select(_ => new LinkPlan(
            [.. Enumerable.Range(0, streams).Select(_ => (MakeFaults(random, bytes, hasSilent), MakeFaults(random, bytes, hasSilent)))],
            TimeSpan.FromMilliseconds(random.Next(3) == 0 ? random.Next(50) : 0),
            SourceFirst: random.Next(2) == 0))];
    }

    private static Fault[] MakeFaults(Random random, long bytes, bool hasSilent)
        => [.. Enumerable.Range(0, random.Next(3) == 0 ? random.Next(1, 3) : 0).Select(_ =>
        {
            long at = random.Next(6) == 0 ? random.Next(100) : LogUniform(random, 1, 2 * bytes);
            return random.Next(hasSilent ? 7 : 4) switch
            {
                0 or 1 => new Fault(FaultKind.Reset, at, 0),
                2 => new Fault(FaultKind.Close, at, 0),
                3 => new Fault(FaultKind.Stall, at, random.Next(8) == 0 ? -1 : random.Next(1, 50)),
                4 => new Fault(FaultKind.Drop, at, (int)LogUniform(random, 1, 10_000)),
                5 => new Fault(FaultKind.Duplicate, at, (int)LogUniform(random, 1, 10_000)),
                _ => new Fault(FaultKind.Flip, at, random.Next(8)),
            };
        })];
}
