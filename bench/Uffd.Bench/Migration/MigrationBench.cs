using System.Globalization;

namespace Uffd.Bench;

/// <summary>Measures migrations between two processes, and plain streams between the same two, by turns.</summary>
internal sealed class MigrationBench(MigrationBenchOptions options, string library, CancellationToken cancellation)
{
    private const int Touches = 2000;
    private const int Questions = 3000;
    private const int PreCopy = 30;
    private const int PostCopy = 0;

    private readonly List<string> notes = [];
    private readonly Dictionary<string, List<double>> rounds = new(StringComparer.Ordinal);

    public MigrationBenchOptions Options => options;

    public IReadOnlyList<string> Notes => notes;

    public IReadOnlyList<MigrationFigure> Figures { get; private set; } = [];

    public void Note(string note) => notes.Add(note);

    public async Task RunAsync()
    {
        await using var source = MigrationProcess.Start("source", library, options.Size);
        await using var destination = MigrationProcess.Start("destination", library, options.Size);
        var there = await destination.AskAsync("ready", cancellation);
        _ = await source.AskAsync("ready", cancellation);
        var pair = new MigrationPair(source, destination, there.GetProperty("port").GetInt32(), there.GetProperty("plainPort").GetInt32(), options, cancellation);
        using var longWay = new DelayProxy(pair.Port, TimeSpan.FromMilliseconds(options.RoundTrip));
        using var longPlainWay = new DelayProxy(pair.PlainPort, TimeSpan.FromMilliseconds(options.RoundTrip));

        Workbench.Say("warming up");
        await WarmUpAsync(pair);
        rounds.Clear();
        for (var round = 1; round <= options.Rounds; round++)
        {
            Workbench.Say($"round {round} of {options.Rounds}");
            await NearAsync(pair, round);
            await FaultsAsync(pair);
            await FarAsync(pair, longWay.Port, longPlainWay.Port);
        }

        Figures = [.. Compare()];
    }

    /// <summary>The runtime compiles hot code again in the background, and a virtual machine's memory is slow when it is touched for the first time.</summary>
    private async Task WarmUpAsync(MigrationPair pair)
    {
        for (var turn = 0; turn < (options.Quick ? 1 : 3); turn++)
        {
            await NearAsync(pair, turn);
        }

        await FaultsAsync(pair);
    }

    private async Task NearAsync(MigrationPair pair, int round)
    {
        Func<Task>[] turns =
        [
            async () => Add("plain", Rate(await pair.PlainAsync("plain", pair.PlainPort))),
            async () => Add("plain-small", Rate(await pair.PlainAsync("plain-small", pair.PlainPort))),
            async () => Add("pre-copy", Rate((await pair.MigrateAsync(pair.Port, PreCopy)).Seconds)),
            async () =>
            {
                var run = await pair.MigrateAsync(pair.Port, PostCopy);
                Add("post-copy", Rate(run.Seconds));
                Add("post-copy downtime", run.DowntimeMs);
            },
            async () =>
            {
                var run = await pair.MigrateAsync(pair.Port, PreCopy, writer: options.Writer);
                Add("pre-copy downtime", run.DowntimeMs);
                if (run.WasPostCopy)
                {
                    Note("a pre-copy with a writer did not converge and ended as post-copy");
                }

                if (run.Written < 0.9 * options.Writer)
                {
                    Note(string.Create(CultureInfo.InvariantCulture, $"the writer came to {run.Written:0} MB/s, and not to {options.Writer}"));
                }
            },
        ];
        for (var turn = 0; turn < turns.Length; turn++)
        {
            await turns[(turn + round) % turns.Length](); // none always follows the same other
        }
    }

    private async Task FaultsAsync(MigrationPair pair)
    {
        Add("local", (await pair.LocalAsync(Touches)).GetProperty("p50").GetDouble());
        Add("ask", (await pair.AskAsync(Questions)).GetProperty("p50").GetDouble());
        var run = await pair.MigrateAsync(pair.Port, PostCopy, touches: Touches);
        Add("demand", run.Touches.GetProperty("p50").GetDouble());
        Add("demand p99", run.Touches.GetProperty("p99").GetDouble());
        Add("demand count", run.Touches.GetProperty("count").GetDouble());
    }

    private async Task FarAsync(MigrationPair pair, int port, int plainPort)
    {
        Add("far plain", Rate(await pair.PlainAsync("plain", plainPort)));
        Add("far pre-copy", Rate((await pair.MigrateAsync(port, PreCopy)).Seconds));
        var bulk = await pair.MigrateAsync(port, PostCopy);
        Add("far post-copy", Rate(bulk.Seconds));
        Add("far bulk", bulk.Seconds);
        Add("far touching", (await pair.MigrateAsync(port, PostCopy, touches: 0)).Touches.GetProperty("seconds").GetDouble());
    }

    private double Rate(double seconds) => options.Size / 1e6 / seconds;

    private void Add(string what, double value)
    {
        if (!rounds.TryGetValue(what, out var values))
        {
            rounds[what] = values = [];
        }

        values.Add(value);
    }

    private IEnumerable<MigrationFigure> Compare()
    {
        const double PreCopyDowntime = 10; // ms
        const double PostCopyDowntime = 5;
        var way = string.Create(CultureInfo.InvariantCulture, $"through {options.RoundTrip} ms: ");
        yield return AtLeast("whole migration, pre-copy", "a plain TCP stream", "MB/s", Of("plain"), Of("pre-copy"), 0.6);
        yield return AtLeast("whole migration, post-copy", "a plain TCP stream", "MB/s", Of("plain"), Of("post-copy"), 0.6);
        yield return AtLeast("whole migration, post-copy", "one into a small buffer", "MB/s", Of("plain-small"), Of("post-copy"), null);
        yield return AtMost(
            string.Create(CultureInfo.InvariantCulture, $"downtime, pre-copy, {options.Writer} MB/s written"), "what is allowed", "ms", Allowed(PreCopyDowntime), Of("pre-copy downtime"), 1);
        yield return AtMost("downtime, post-copy", "what is allowed", "ms", Allowed(PostCopyDowntime), Of("post-copy downtime"), 1);
        double[] faultAndTrip = [.. Of("local").Zip(Of("ask"), (local, trip) => (2 * local) + trip)];
        yield return AtMost("demand fault in post-copy, p50", "2 local faults and a round trip", "us", faultAndTrip, Of("demand"), 1);
        yield return AtMost("demand fault in post-copy, p99", "2 local faults and a round trip", "us", faultAndTrip, Of("demand p99"), null);
        yield return AtLeast(way + "whole migration, pre-copy", "a plain TCP stream there", "MB/s", Of("far plain"), Of("far pre-copy"), 0.5);
        yield return AtLeast(way + "whole migration, post-copy", "a plain TCP stream there", "MB/s", Of("far plain"), Of("far post-copy"), 0.5);
        yield return AtMost(way + "every page touched at random", "the same migration untouched", "s", Of("far bulk"), Of("far touching"), 1.5);
    }

    private double[] Of(string what) => [.. rounds[what]];

    private double[] Allowed(double value) => [.. Enumerable.Repeat(value, options.Rounds)];

    private static MigrationFigure AtLeast(string work, string baseline, string unit, double[] theirs, double[] ours, double? target) => new(work, baseline, unit, theirs, ours, target, IsAtLeast: true);

    private static MigrationFigure AtMost(string work, string baseline, string unit, double[] theirs, double[] ours, double? target) => new(work, baseline, unit, theirs, ours, target, IsAtLeast: false);
}
