namespace Uffd.Bench;

/// <summary>Reads and writes of records, most of them of few, in a file of many times the memory.</summary>
internal static class ZipfPart
{
    private const double Target = 1.0;
    private const ulong Seed = 0x5EED;

    public static async Task MeasureAsync(OutOfCoreBench bench)
    {
        var options = bench.Options;
        Workbench.Say("zipf: drawing the operations");
        var program = await bench.CompileAsync("outofcore");
        var sequence = OperationSequence.Draw(bench.File.Records, options.WarmUp + options.Operations, Seed);
        var path = Path.Combine(bench.Directory, "sequence");
        sequence.Save(path);
        var run = new ZipfRun(bench, program, path, sequence);

        Workbench.Say("zipf: which advice serves mmap best, and warming up");
        var random = await run.ProbeAsync("random");
        var normal = await run.ProbeAsync("normal");
        var advice = random >= normal ? "random" : "normal";
        bench.Note($"zipf: mmap reads {random:0} records a second with MADV_RANDOM and {normal:0} without; its rounds are those of the faster");
        await run.BaselineAsync(advice);
        await run.OursAsync(advice);

        List<LimitedRun>[] sides = [[], []];
        for (var round = 1; round <= options.Rounds; round++)
        {
            Workbench.Say($"zipf: round {round} of {options.Rounds}");
            foreach (var side in (int[])(round % 2 == 1 ? [0, 1] : [1, 0]))
            {
                sides[side].Add(side == 0 ? await run.BaselineAsync(advice) : await run.OursAsync(advice));
            }
        }

        if (options.SelfCheck)
        {
            await ZipfControls.RunAsync(bench, run, sequence, advice);
        }

        Add("until durable", Total, Target);
        Add("the operations alone", r => r.Number("seconds"), null);
        Add("the flush alone", r => r.Number("flushSeconds"), null);
        bench.Note($"zipf: mmap: {sides[0][^1].Number("misses"):0} misses; {sides[0][^1]}");
        bench.Note($"zipf: {bench.SideName}: {sides[1][^1].Number("misses"):0} misses; {sides[1][^1]}");
        if (sides[1][^1].Text("facts") is { Length: > 0 } facts)
        {
            bench.Note($"zipf: {bench.SideName}: {facts}");
        }

        bench.Note($"zipf: each of the {run.Runs} runs saw every record as the last write had left it, and after each all records were read from the disk and compared");

        void Add(string what, Func<LimitedRun, double> value, double? target) => bench.Add(new Figure(
            $"{options.Operations} reads and writes, {what}", "free", $"mmap in C, MADV_{advice.ToUpperInvariant()}", "s",
            [.. sides[0].Select(value)], [.. sides[1].Select(value)], target));
    }

    private static double Total(LimitedRun run) => run.Number("seconds") + run.Number("flushSeconds");
}
