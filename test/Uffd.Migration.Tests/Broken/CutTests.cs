using Uffd.Migration.Tests.Model;
using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Broken;

/// <summary>A connection that breaks at any byte of a migration, whichever way the byte goes, costs nothing but time.</summary>
public sealed class CutTests(ITestOutputHelper output)
{
    private const int Cuts = 100;
    private const int AtOnce = 4;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(0, 1)]
    [InlineData(3, 3)]
    public async Task Connection_that_is_cut_at_random_bytes_loses_nothing(int rounds, int streams)
    {
        MigrationPlan plan = Plan(rounds, streams);
        SeededOutcome whole = await SeededMigration.RunAsync(plan);
        Assert.True(whole.IsRight && whole.Traffic.Count == 1, whole.ToString());
        IReadOnlyList<(long Read, long Written)> traffic = whole.Traffic[0];
        long total = traffic.Sum(static stream => stream.Read + stream.Written);
        var random = new Random(rounds);
        LinkPlan[] cuts = [.. Enumerable.Range(0, Cuts).Select(number => Cut(traffic, number == 0 ? 0 : random.NextInt64(total), number % 2 == 0 ? FaultKind.Reset : FaultKind.Close))];
        int cut = 0;
        int unacknowledged = 0;
        await Parallel.ForEachAsync(cuts, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = TestContext.Current.CancellationToken }, async (link, _) =>
        {
            SeededOutcome outcome = await SeededMigration.RunAsync(plan with { Links = [link] });
            Assert.True(outcome.IsRight && outcome.Ending is MigrationEnding.Completed or MigrationEnding.CompletedUnacknowledged, outcome.ToString());
            Interlocked.Add(ref cut, outcome.Traffic.Count > 1 ? 1 : 0);
            Interlocked.Add(ref unacknowledged, outcome.Ending == MigrationEnding.CompletedUnacknowledged ? 1 : 0);
        });
        output.WriteLine($"{total} bytes; {cut} of {Cuts} were cut and resumed, {unacknowledged} ended without being acknowledged");
        Assert.True(cut > Cuts / 2, $"only {cut} connections were cut before their end");
    }

    private static MigrationPlan Plan(int rounds, int streams) => PlanMaker.Undisturbed(1) with
    {
        Regions = [new RegionPlan(Pages: 40, HasBase: false, LostShare: 0.1, HotShare: 0.3), new RegionPlan(Pages: 7, HasBase: true, LostShare: 0, HotShare: 1)],
        Streams = streams,
        InPieces = false,
        Capacity = 1 << 14,
        Burst = 3,
        Source = new MigrationSourceOptions { MaxRounds = rounds, MaxDowntime = TimeSpan.FromTicks(1), StallTimeout = TimeSpan.FromSeconds(2) },
    };

    /// <summary>Cuts a byte of all that went.</summary>
    private static LinkPlan Cut(IReadOnlyList<(long Read, long Written)> traffic, long at, FaultKind kind)
    {
        var streams = new (Fault[] Reads, Fault[] Writes)[traffic.Count];
        for (int index = 0; index < traffic.Count; index++)
        {
            (long read, long written) = traffic[index];
            streams[index] = (At(at, read), At(at - read, written));
            at -= read + written;
        }

        return new LinkPlan(streams, TimeSpan.Zero, SourceFirst: true);

        Fault[] At(long place, long bytes) => place >= 0 && place < bytes ? [new Fault(kind, place, 0)] : [];
    }
}
