namespace Uffd.Bench;

/// <summary>One run of a side over the file of records, from a cold cache to a file that was checked.</summary>
internal sealed class ZipfRun(OutOfCoreBench bench, string program, string sequencePath, OperationSequence sequence)
{
    private readonly Expectation expectation = new(sequence, bench.Options.WarmUp);
    private readonly string order = $"{sequence.Order:x16}";

    /// <summary>How often the sequence was run over the file, by both sides together.</summary>
    public int Runs => expectation.Runs;

    /// <summary>Both sides hold the operations in memory.</summary>
    private long Limit => bench.Options.Limit + (sequence.Count * sizeof(uint));

    /// <summary>How many records a second an advice gets, of the first that are read.</summary>
    public async Task<double> ProbeAsync(string advice)
    {
        bench.File.DropFromCache();
        var run = await LimitedProgram.RunAsync(
            Limit, program,
            ["--mode", "probe", "--file", bench.File.Path, "--advice", advice, "--sequence", sequencePath, "--seconds", bench.Options.Quick ? "1" : "3"],
            bench.Cancellation);
        return run.Number("operations") / run.Number("seconds");
    }

    public Task<LimitedRun> BaselineAsync(string advice) => RunAsync("mmap", () => LimitedProgram.RunAsync(
        Limit, program,
        [
            "--mode", "zipf", "--file", bench.File.Path, "--advice", advice,
            "--sequence", sequencePath, "--warm", OutOfCoreBench.Text(bench.Options.WarmUp),
        ],
        bench.Cancellation));

    public async Task<LimitedRun> OursAsync(string advice)
    {
        var allowance = await RuntimeAllowance.OfAsync(bench);
        return await RunAsync(bench.SideName, () => bench.RunOursAsync(
            Limit + allowance,
            [
                OutOfCoreParts.Zipf, "--file", bench.File.Path, "--sequence", sequencePath, "--warm", OutOfCoreBench.Text(bench.Options.WarmUp),
                "--limit", OutOfCoreBench.Text(bench.Options.Limit), .. bench.Options.SelfCheck ? (string[])["--map", advice] : [],
            ]));
    }

    /// <summary>Compares every record on the disk with what the runs must have left.</summary>
    public void Verify() => bench.File.Verify(expectation.Writes, bench.Cancellation);

    private async Task<LimitedRun> RunAsync(string side, Func<Task<LimitedRun>> start)
    {
        bench.File.DropFromCache();
        var run = await start();
        if (!string.Equals(run.Text("order"), order, StringComparison.Ordinal))
        {
            throw new BenchException($"{side} did other operations than those that were drawn");
        }

        var seen = $"{expectation.NextRun():x16}";
        if (!string.Equals(run.Text("seen"), seen, StringComparison.Ordinal))
        {
            throw new BenchException($"{side} saw a record that was not as the last write left it");
        }

        Verify();
        return run;
    }
}
