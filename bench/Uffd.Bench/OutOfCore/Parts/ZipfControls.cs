namespace Uffd.Bench;

/// <summary>
/// Shows that what should be noticed is noticed: a lost write, a record in another's place, a record that is damaged while either side
/// runs, and draws that are not Zipf's.
/// </summary>
internal static class ZipfControls
{
    public static async Task RunAsync(OutOfCoreBench bench, ZipfRun run, OperationSequence sequence, string advice)
    {
        CgroupControls.Run();
        run.Verify();
        RequireSkew(sequence);
        var number = sequence.Operations[0] & ~OperationSequence.WriteBit;
        var before = bench.File.ReadRecord(number);
        RequireFailure("a lost write", new Record(number, before.Writes + 1), run.Verify);
        RequireFailure("a record in another's place", new Record(number + 1, before.Writes), run.Verify);
        bench.File.WriteRecord(number, before);
        run.Verify();

        // From here on the file is not what was foreseen: nothing may compare it again.
        bench.File.WriteRecord(number, new Record(number + 1, before.Writes));
        await RequireFailureAsync("mmap in C, over a damaged record", () => run.BaselineAsync(advice));
        bench.File.WriteRecord(number, new Record(number + 1, before.Writes));
        await RequireFailureAsync("our side, over a damaged record", () => run.OursAsync(advice));
        bench.Note("self-check: a lost write, a record in another's place, and a record that is damaged while a side runs were all noticed");

        void RequireFailure(string what, Record wrong, Action check)
        {
            bench.File.WriteRecord(number, wrong);
            try
            {
                check();
            }
            catch (BenchException)
            {
                return;
            }

            throw new BenchException($"self-check: {what} was not noticed");
        }
    }

    private static async Task RequireFailureAsync(string what, Func<Task<LimitedRun>> start)
    {
        try
        {
            await start();
        }
        catch (BenchException)
        {
            return;
        }

        throw new BenchException($"self-check: {what}, did not notice it");
    }

    /// <summary>The most popular of some twenty million comes about once in eighteen draws with an exponent of 0.99.</summary>
    private static void RequireSkew(OperationSequence sequence)
    {
        var counts = new Dictionary<uint, int>();
        foreach (var operation in sequence.Operations)
        {
            var number = operation & ~OperationSequence.WriteBit;
            counts[number] = counts.GetValueOrDefault(number) + 1;
        }

        int[] sorted = [.. counts.Values.OrderDescending()];
        var first = (double)sorted[0] / sequence.Count;
        var second = (double)sorted[1] / sequence.Count;
        if (first is < 0.04 or > 0.08 || first / second is < 1.8 or > 2.2)
        {
            throw new BenchException($"self-check: the most popular record has {first:P1} of the operations and the next {second:P1}: not Zipf's law");
        }
    }
}
