using Uffd.Migration.Tests.Model;

namespace Uffd.Migration.Tests.Hostile;

/// <summary>Conversations that are changed at random; more of them: test/Uffd.Migration.Stress --fuzz.</summary>
public sealed class WireFuzzTests
{
    private const int Seeds = 300;

    [Fact]
    public async Task Changed_conversations_end_and_harm_nobody()
    {
        int switched = 0;
        await Parallel.ForEachAsync(Enumerable.Range(1, Seeds), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken }, async (seed, _) =>
        {
            (IReadOnlyList<string> wrong, bool hasSwitched) = await WireFuzz.RunAsync(seed);
            Assert.True(wrong.Count == 0, $"seed {seed}: {string.Join("\n", wrong)}");
            Interlocked.Add(ref switched, hasSwitched ? 1 : 0);
        });
        Assert.InRange(switched, Seeds / 10, Seeds * 9 / 10); // both sides of the switch are tried
    }
}
