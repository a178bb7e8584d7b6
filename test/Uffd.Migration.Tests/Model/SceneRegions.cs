using Uffd.Migration.Tests.Support;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Model;

/// <summary>The memories of a scene, who writes to them, and the bases that both sides have.</summary>
internal sealed class SceneRegions : IDisposable
{
    public SceneRegions(MigrationPlan plan, Violations violations)
    {
        var random = new Random(plan.Seed);
        var memories = new List<TestMemory>();
        var writers = new List<PageWriter>();
        var bases = new List<MigrationBase?>();
        foreach (RegionPlan region in plan.Regions)
        {
            var memory = new TestMemory(region.Pages, violations, random.Next(3) == 0 ? random.Next(1, 20) : int.MaxValue) { Concurrency = random.Next(3) == 0 ? 4 : 0 };
            byte[]? content = region.HasBase ? new byte[region.Pages * TestMemory.PageBytes] : null;
            if (content is not null)
            {
                random.NextBytes(content);
            }

            var writer = new PageWriter(content, region.HotShare);
            writer.Fill(memory, random, region.LostShare);
            memories.Add(memory);
            writers.Add(writer);
            bases.Add(content is null ? null : new MigrationBase($"base {bases.Count}", MemoryPageSource.FromBytes(content)));
        }

        Memories = memories;
        Bases = bases;
        Workload = new TestWorkload(memories, writers, violations, plan.Seed, plan.Burst)
        {
            CanThrottle = plan.CanThrottle,
            RefusesPause = plan.Disturbance == Disturbance.FailPause,
            IgnoresPause = plan.IgnoresPause,
        };
    }

    public IReadOnlyList<TestMemory> Memories { get; }

    public IReadOnlyList<MigrationBase?> Bases { get; }

    public TestWorkload Workload { get; }

    public void Dispose()
    {
        Workload.Dispose();
        foreach (MigrationBase? one in Bases)
        {
            one?.Pages.Dispose();
        }
    }
}
