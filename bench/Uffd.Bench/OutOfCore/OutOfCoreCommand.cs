namespace Uffd.Bench;

/// <summary>The verb <c>outofcore</c>: memory larger than RAM.</summary>
internal static class OutOfCoreCommand
{
    public const string Usage = """
        usage: Uffd.Bench outofcore [options]

          --json              one JSON object in place of the table
          --quick             small and once, to see that everything runs
          --rounds N          how often each side is measured, in turn (5)
          --limit SIZE        the memory that pages of the file may take (128MiB)
          --times N           the file is so many times the limit (10)
          --operations N      reads and writes of zipf that are timed (200000)
          --directory DIR     where the file is made, on a disk ($TMPDIR or /tmp)
          --only PARTS        some of zipf,scan,hit,compressed,moves
          --self-check        C# over mmap takes the region's place: zipf and scan should be near 1
        """;

    /// <returns>The exit status: 1 when a target is missed.</returns>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        if (OutOfCoreOptions.Parse(arguments) is not { } options)
        {
            Console.WriteLine(Usage);
            return 0;
        }

        var directory = Circumstances.MakeDirectory(options.Directory);
        using var bench = new OutOfCoreBench(options, directory, cancellation);
        try
        {
            Circumstances.Note(bench.Options.Quick, bench.Note);
            var started = DateTimeOffset.UtcNow;
            foreach (var part in options.Parts)
            {
                await MeasureAsync(part, bench);
            }

            var report = new OutOfCoreReport(started, bench);
            Console.Write(options.Json ? report.ToJson() : report.ToTable());
            return report.Ok ? 0 : 1;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>A part that cannot be measured here is left out with a note, and the others go on.</summary>
    private static async Task MeasureAsync(string part, OutOfCoreBench bench)
    {
        try
        {
            await (part switch
            {
                OutOfCoreParts.Zipf => ZipfPart.MeasureAsync(bench),
                OutOfCoreParts.Scan => ScanPart.MeasureAsync(bench),
                OutOfCoreParts.Hit => HitPart.MeasureAsync(bench),
                OutOfCoreParts.Compressed => CompressedPart.MeasureAsync(bench),
                OutOfCoreParts.Moves => MovesPart.MeasureAsync(bench),
                _ => throw new BenchException($"there is no part {part}"),
            });
        }
        catch (CgroupException e)
        {
            bench.NoteMissing($"{part} was not measured: {e.Message}");
        }
    }
}
