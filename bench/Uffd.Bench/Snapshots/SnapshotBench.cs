namespace Uffd.Bench;

/// <summary>Measures the ways to copy a Redis, round by round, and keeps what it found.</summary>
internal sealed class SnapshotBench(SnapshotBenchOptions options, SnapshotPrograms programs, string directory, CancellationToken cancellation)
{
    // What a key of 14 bytes with a value of this size takes in Redis 7 with jemalloc: value, object, key, entry, and its share of the table.
    private const int ValueBytes = 500;
    private const int BytesPerKey = 650;

    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(500);

    private readonly List<(long Size, IReadOnlyList<SnapshotRoundMeasure> Rounds)> measures = [];
    private readonly List<string> notes = [];

    public SnapshotBenchOptions Options => options;

    public SnapshotPrograms Programs => programs;

    public string Directory => directory;

    public IReadOnlyList<(long Size, IReadOnlyList<SnapshotRoundMeasure> Rounds)> Measures => measures;

    public IReadOnlyList<string> Notes => notes;

    public void Note(string note) => notes.Add(note);

    /// <summary>Measures a Redis of one size.</summary>
    public async Task MeasureAsync(long size)
    {
        Workbench.Say($"a Redis of {size / 1_000_000} MB");
        await using var redis = await RedisProcess.StartAsync(Path.Combine(directory, $"redis-{size}"), cancellation);
        await using var writer = await WriterProcess.StartAsync(programs, redis, size / BytesPerKey, ValueBytes, options.Rate, cancellation);
        var ways = new SnapshotWays(this, redis, writer, cancellation);

        // Once without counting: the files of all programs are in the page cache then, and the Redis's memory has the size that it keeps under the writer.
        await writer.WatchAsync(() => Task.Delay(options.Alone, cancellation), cancellation);
        await ways.SnapshotAsync();

        var rounds = new List<SnapshotRoundMeasure>();
        for (var round = 1; round <= options.Rounds; round++)
        {
            Workbench.Say($"  round {round} of {options.Rounds}");
            rounds.Add(await RoundAsync(ways, writer, round));
        }

        measures.Add((size, rounds));
    }

    /// <summary>Who begins changes with the round, so that none always follows the same other.</summary>
    private async Task<SnapshotRoundMeasure> RoundAsync(SnapshotWays ways, WriterProcess writer, int round)
    {
        WriterWindow? alone = null;
        UffdMeasure? uffd = null;
        GcoreMeasure? gcore = null;
        BgsaveMeasure? bgsave = null;
        double fork = 0;
        Func<Task>[] turns =
        [
            async () => alone = await writer.WatchAsync(() => Task.Delay(options.Alone, cancellation), cancellation),
            async () => uffd = await ways.SnapshotAsync(),
            async () => gcore = await ways.GcoreAsync(),
            async () => bgsave = await ways.BgsaveAsync(),
            async () => fork = await ways.ForkAsync(),
        ];
        for (var turn = 0; turn < turns.Length; turn++)
        {
            await turns[(turn + round) % turns.Length]();
            await Task.Delay(Rest, cancellation);
        }

        if (alone!.Requests < 0.8 * options.Rate * alone.Seconds)
        {
            Note($"the writer came to {alone.Requests / alone.Seconds:0} writes a second alone, and not to {options.Rate}");
        }

        return new SnapshotRoundMeasure(alone, uffd!, gcore!, bgsave!, fork);
    }
}
