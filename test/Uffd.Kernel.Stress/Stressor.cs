using System.Diagnostics;
using Uffd.Testing;

namespace Uffd.Kernel.Stress;

/// <summary>Runs the bounces.</summary>
public static class Stressor
{
    /// <summary>Runs each kind of memory for its share of the time, at least once, and tells what came of it.</summary>
    /// <param name="options">What to run.</param>
    public static IEnumerable<StressReport> Run(StressOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        TimeSpan share = options.Duration / options.Memories.Count;
        foreach (MemoryKind memory in options.Memories)
        {
            yield return RunAsync(memory, share, options).GetAwaiter().GetResult();
        }
    }

    /// <summary>Runs one kind of memory.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="duration">For how long.</param>
    /// <param name="options">What else was asked.</param>
    public static async Task<StressReport> RunAsync(MemoryKind memory, TimeSpan duration, StressOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        await using Bounce bounce = await Bounce.StartAsync(memory);
        var random = new Random(options.Seed);
        long start = Stopwatch.GetTimestamp();
        do
        {
            await bounce.RunAsync(random, options.Threads);
        }
        while (Stopwatch.GetElapsedTime(start) < duration);

        return bounce.Report(Stopwatch.GetElapsedTime(start));
    }
}
