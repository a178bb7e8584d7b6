using System.Text.Json;

namespace Uffd.Bench;

/// <summary>What a program in a memory control group printed, and what the kernel charged to the group meanwhile.</summary>
/// <param name="Said">The JSON object.</param>
/// <param name="Limit">Bytes.</param>
/// <param name="Peak">The most at once, in bytes; 0 where the kernel does not keep it.</param>
/// <param name="TimesAtLimit">How often something had to wait for others' pages.</param>
/// <param name="Cache">The most page cache that was seen, in bytes.</param>
/// <param name="Own">The most memory of its own that was seen, in bytes.</param>
internal sealed record LimitedRun(JsonElement Said, long Limit, long Peak, long TimesAtLimit, long Cache, long Own)
{
    public double Number(string property) => Said.GetProperty(property).GetDouble();

    public string? Text(string property) => Said.GetProperty(property).GetString();

    public override string ToString() =>
        $"limit {Mebibytes(Limit)}, peak {Mebibytes(Peak)}, of it page cache {Mebibytes(Cache)} and its own {Mebibytes(Own)}; at the limit {TimesAtLimit} times";

    private static string Mebibytes(long bytes) => $"{bytes / 1048576.0:0.0} MiB";
}

/// <summary>Runs measuring programs that may have only so much memory, their page cache included.</summary>
internal static class LimitedProgram
{
    private static readonly TimeSpan SampleEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>Runs a program to its end in a group of its own.</summary>
    public static async Task<LimitedRun> RunAsync(long limit, string program, string[] arguments, CancellationToken cancellation)
    {
        await using var group = MemoryCgroup.Create(limit);

        // It joins before it begins: nothing that it has was charged to another.
        var start = Programs.Command(
            "sh", null, ["-c", "echo 0 > \"$1\" && shift && exec \"$@\"", "sh", group.Members, program, .. arguments]);
        Ours.AddRuntime(start);
        var run = Programs.MeasureAsync(start, null, cancellation);
        long cache = 0;
        long own = 0;
        while (await Task.WhenAny(run, Task.Delay(SampleEvery, cancellation)) != run)
        {
            cancellation.ThrowIfCancellationRequested();
            var now = group.Charged;
            cache = Math.Max(cache, now.Cache);
            own = Math.Max(own, now.Own);
        }

        return new LimitedRun(await run, limit, group.Peak, group.TimesAtLimit, cache, own);
    }
}
