using System.Collections.Concurrent;
using System.Diagnostics;
using Uffd.Migration.Tests.Model;

namespace Uffd.Migration.Stress;

/// <summary>Runs the migrations, some side by side.</summary>
public static class Stressor
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>Runs them, tells how far it is, and of each that was wrong how to repeat it.</summary>
    /// <param name="options">What to run.</param>
    /// <param name="output">Where it is told.</param>
    /// <returns>Whether all were right, and there was one at all.</returns>
    public static async Task<bool> RunAsync(StressOptions options, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(output);
        var endings = new ConcurrentDictionary<MigrationEnding, int>();
        var failed = new ConcurrentBag<int>();
        int done = 0;
        long start = Stopwatch.GetTimestamp();
        long told = start;
        TextWriter lines = TextWriter.Synchronized(output);
        await Parallel.ForEachAsync(Enumerable.Range(options.From, options.Seeds), new ParallelOptions { MaxDegreeOfParallelism = options.AtOnce }, async (seed, _) =>
        {
            if (Stopwatch.GetElapsedTime(start) >= options.Duration)
            {
                return;
            }

            long begun = Stopwatch.GetTimestamp();
            if (options.IsFuzz)
            {
                (IReadOnlyList<string> wrong, bool hasSwitched) = await WireFuzz.RunAsync(seed);
                Interlocked.Increment(ref done);
                endings.AddOrUpdate(hasSwitched ? MigrationEnding.GivenUp : MigrationEnding.EndedBeforeSwitch, 1, static (_, count) => count + 1);
                if (wrong.Count > 0)
                {
                    failed.Add(seed);
                    await lines.WriteLineAsync($"WRONG\n{string.Join("\n", wrong)}\nrepeat it with: dotnet run -c Release --project test/Uffd.Migration.Stress -- --fuzz --from {seed} --seeds 1\n");
                }

                return;
            }

            SeededOutcome outcome = await SeededMigration.RunAsync(seed);
            endings.AddOrUpdate(outcome.Ending, 1, static (_, count) => count + 1);
            int number = Interlocked.Increment(ref done);
            if (!outcome.IsRight)
            {
                failed.Add(seed);
                await lines.WriteLineAsync($"WRONG\n{outcome}\nrepeat it with: dotnet run -c Release --project test/Uffd.Migration.Stress -- --from {seed} --seeds 1\n");
            }
            else if (options.IsVerbose)
            {
                await lines.WriteLineAsync($"{outcome.Ending} in {Stopwatch.GetElapsedTime(begun).TotalMilliseconds:F0} ms: {outcome.Plan}");
            }

            long last = Interlocked.Read(ref told);
            if (Stopwatch.GetElapsedTime(last) > Interval && Interlocked.CompareExchange(ref told, Stopwatch.GetTimestamp(), last) == last)
            {
                await lines.WriteLineAsync($"{number} of {options.Seeds} after {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s, {failed.Count} wrong");
            }
        });
        await lines.WriteLineAsync($"{done} {(options.IsFuzz ? "conversations" : "migrations")} in {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s: {string.Join(", ", endings.OrderBy(static ending => ending.Key).Select(static ending => $"{ending.Value} {ending.Key}"))}");
        await lines.WriteLineAsync(failed.IsEmpty && done > 0 ? "verified yes" : $"verified NO: {string.Join(' ', failed.Order())}");
        return failed.IsEmpty && done > 0;
    }
}
