namespace Uffd.Bench;

/// <summary>One pass over a file of many times the memory.</summary>
internal static class ScanPart
{
    private const double Target = 1.2;

    public static async Task MeasureAsync(OutOfCoreBench bench)
    {
        var options = bench.Options;
        var program = await bench.CompileAsync("outofcore");
        Workbench.Say("scan: warming up, and which advice serves mmap best");
        var allowance = await RuntimeAllowance.OfAsync(bench);
        string? sum = null;
        var sequential = (await BaselineAsync("sequential")).Number("seconds");
        var normal = (await BaselineAsync("normal")).Number("seconds");
        var advice = sequential <= normal ? "sequential" : "normal";
        bench.Note($"scan: mmap takes {sequential:0.00} s with MADV_SEQUENTIAL and {normal:0.00} s without; its rounds are those of the faster");
        await OursAsync();

        List<LimitedRun>[] sides = [[], []];
        for (var round = 1; round <= options.Rounds; round++)
        {
            Workbench.Say($"scan: round {round} of {options.Rounds}");
            foreach (var side in (int[])(round % 2 == 1 ? [0, 1] : [1, 0]))
            {
                sides[side].Add(side == 0 ? await BaselineAsync(advice) : await OursAsync());
            }
        }

        bench.Add(new Figure(
            $"{options.FileSize >> 20} MiB added up in order", "free", $"mmap in C, MADV_{advice.ToUpperInvariant()}", "s",
            Seconds(sides[0]), Seconds(sides[1]), Target));
        bench.Note($"scan: mmap: {sides[0][^1]}");
        bench.Note($"scan: {bench.SideName}: {sides[1][^1].Number("misses"):0} misses; {sides[1][^1]}");
        if (sides[1][^1].Text("facts") is { Length: > 0 } facts)
        {
            bench.Note($"scan: {bench.SideName}: {facts}");
        }

        Task<LimitedRun> BaselineAsync(string how) => RunAsync(() => LimitedProgram.RunAsync(
            options.Limit, program, ["--mode", "scan", "--file", bench.File.Path, "--advice", how], bench.Cancellation));

        Task<LimitedRun> OursAsync() => RunAsync(() => bench.RunOursAsync(
            options.Limit + allowance,
            [
                OutOfCoreParts.Scan, "--file", bench.File.Path, "--limit", OutOfCoreBench.Text(options.Limit),
                .. options.SelfCheck ? (string[])["--map", advice] : [],
            ]));

        async Task<LimitedRun> RunAsync(Func<Task<LimitedRun>> start)
        {
            bench.File.DropFromCache();
            var run = await start();
            sum ??= run.Text("sum");
            return string.Equals(run.Text("sum"), sum, StringComparison.Ordinal)
                ? run
                : throw new BenchException($"the sum of the file is {run.Text("sum")} in one run and {sum} in another");
        }
    }

    private static double[] Seconds(List<LimitedRun> runs) => [.. runs.Select(run => run.Number("seconds"))];
}
