namespace Uffd.Bench;

/// <summary>The verb <c>migration</c>: memory that moves from one process to another, beside a plain TCP stream between them.</summary>
internal static class MigrationCommand
{
    public const string Usage = """
        usage: Uffd.Bench migration [options]

          --json                one JSON object in place of the table
          --quick               small and once, to see that everything runs
          --rounds N            how often each is measured, in turn (5)
          --size SIZE           the memory that moves (1GiB)
          --writer N            megabytes that are written a second while it moves (100)
          --connections N       connections of each migration (2)
          --round-trip N        milliseconds of the long way (20)
        """;

    /// <returns>The exit status: 1 when a target is missed.</returns>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        if (MigrationBenchOptions.Parse(arguments) is not { } options)
        {
            Console.WriteLine(Usage);
            return 0;
        }

        var directory = Circumstances.MakeDirectory(Path.GetTempPath());
        try
        {
            var started = DateTimeOffset.UtcNow;
            var bench = new MigrationBench(options, await Baselines.CompileLibraryAsync("migration", directory, cancellation), cancellation);
            Circumstances.Note(options.Quick, bench.Note);
            await bench.RunAsync();
            var report = new MigrationBenchReport(started, bench);
            Console.Write(options.Json ? report.ToJson() : report.ToTable());
            return report.Ok ? 0 : 1;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
