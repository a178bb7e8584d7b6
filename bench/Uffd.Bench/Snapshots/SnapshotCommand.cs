namespace Uffd.Bench;

/// <summary>The verb <c>snapshot</c>: a Redis under load, copied by the command, by gcore and by itself.</summary>
internal static class SnapshotCommand
{
    public const string Usage = """
        usage: Uffd.Bench snapshot [options]

          --json                one JSON object in place of the table
          --quick               small and once, to see that everything runs
          --rounds N            how often each way is measured, in turn (3)
          --size SIZES          the memory of each Redis (600MB,2GB)
          --rate N              writes a second (15000)
          --directory DIR       where the copies are written ($TMPDIR or /tmp)
          --snapshot "OPTIONS"  more options for the command, as "--format image"
          --tool PATH           another program in the command's place
        """;

    /// <returns>The exit status: 1 when a target is missed.</returns>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        if (SnapshotBenchOptions.Parse(arguments) is not { } options)
        {
            Console.WriteLine(Usage);
            return 0;
        }

        var directory = Circumstances.MakeDirectory(options.Directory);
        try
        {
            var started = DateTimeOffset.UtcNow;
            var bench = new SnapshotBench(options, await SnapshotPrograms.PrepareAsync(options, directory, cancellation), directory, cancellation);
            Circumstances.Note(bench.Options.Quick, bench.Note);
            foreach (var size in options.Sizes)
            {
                await bench.MeasureAsync(size);
            }

            var report = new SnapshotBenchReport(started, bench);
            Console.Write(options.Json ? report.ToJson() : report.ToTable());
            return report.Ok ? 0 : 1;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
