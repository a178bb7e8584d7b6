using System.Globalization;

namespace Uffd.Bench;

/// <summary>
/// Measures the pager beside its baselines: the same faulting program, the same CPUs, the same image, by turns.
/// </summary>
internal static class PagingBenchmark
{
    public static async Task<BenchReport> RunAsync(BenchOptions options, CancellationToken cancellation)
    {
        var workplace = Directory.CreateTempSubdirectory("uffd-bench-").FullName;
        try
        {
            Workbench.Say("compiling the C programs and writing the image");
            var compiled = await Baselines.CompileAsync(workplace, cancellation);
            using var image = ImageFile.Create(options.ImageSize, workplace, cancellation);
            var bench = new Workbench(options, workplace, compiled, image, cancellation);
            NoteCircumstances(bench);
            var started = DateTimeOffset.UtcNow;
            foreach (var part in options.Parts)
            {
                await MeasureAsync(bench, part);
            }

            return new BenchReport(started, bench);
        }
        finally
        {
            Directory.Delete(workplace, recursive: true);
        }
    }

    private static Task MeasureAsync(Workbench bench, string part)
    {
        var (oneCpu, free, twoCpus) = Placement.All();
        return part switch
        {
            BenchParts.OneCpu => DemandFaults.MeasureAsync(bench, oneCpu, promised: true),
            BenchParts.Free => DemandFaults.MeasureAsync(bench, free, promised: true),
            BenchParts.TwoCpus when twoCpus is not null => DemandFaults.MeasureAsync(bench, twoCpus, promised: false),
            BenchParts.InOrder => InOrder.MeasureAsync(bench, [oneCpu, free]),
            BenchParts.Fill => RandomWithFill.MeasureAsync(bench, free),
            BenchParts.Slow => SlowSource.MeasureAsync(bench, free),
            BenchParts.Spaces => ManySpaces.MeasureAsync(bench, [oneCpu, free]),
            BenchParts.WorkingSet => WorkingSet.MeasureAsync(bench, free),
            _ => Task.CompletedTask,
        };
    }

    private static void NoteCircumstances(Workbench bench)
    {
        if (!BuildFacts.IsRelease && bench.Options is { SelfCheck: false, Pager: null })
        {
            bench.Note("this is a Debug build: its figures say nothing about the pager");
        }

        if (bench.Options.Quick)
        {
            bench.Note("--quick: small and few, so the figures show little more than that everything runs");
        }

        var load = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
        if (load > 1)
        {
            bench.Note($"the machine was busy before this began (load average {load:0.0}): take the figures with care");
        }
    }
}
