using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// Measures the pager beside the C programs: the same faulting program, the same CPUs, the same image, by turns.
/// </summary>
internal sealed class FaultsBenchmark
{
    private const int RateThreads = 4;
    private const double DemandTarget = 1.25;
    private const double FillTarget = 1.5;

    private readonly FaultsOptions options;
    private readonly CancellationToken cancellation;
    private readonly List<Figure> figures = [];
    private readonly List<string> notes = [];
    private readonly string directory;
    private readonly Baselines baselines;
    private readonly ImageFile image;
    private readonly string pager;
    private readonly string pagerName;
    private int servers;

    private FaultsBenchmark(
        FaultsOptions options, string directory, Baselines baselines, ImageFile image, CancellationToken cancellation)
    {
        this.options = options;
        this.directory = directory;
        this.baselines = baselines;
        this.image = image;
        this.cancellation = cancellation;
        (pager, pagerName) = options switch
        {
            { SelfCheck: true } => (baselines.Handler, "the C handler in the pager's place"),
            { Pager: { } other } => (other, Path.GetFileName(other)),
            _ => (BuildFacts.PagerPath, "uffd serve"),
        };
    }

    public static async Task<FaultsReport> RunAsync(FaultsOptions options, CancellationToken cancellation)
    {
        var workplace = Directory.CreateTempSubdirectory("uffd-bench-").FullName;
        try
        {
            Say("compiling the C programs and writing the image");
            var compiled = await Baselines.CompileAsync(workplace, cancellation);
            using var file = ImageFile.Create(options.ImageSize, workplace, cancellation);
            return await new FaultsBenchmark(options, workplace, compiled, file, cancellation).RunAsync();
        }
        finally
        {
            Directory.Delete(workplace, recursive: true);
        }
    }

    private async Task<FaultsReport> RunAsync()
    {
        if (!BuildFacts.IsRelease && options is { SelfCheck: false, Pager: null })
        {
            notes.Add("this is a Debug build: its figures say nothing about the pager");
        }

        NoteOtherWork();
        var started = DateTimeOffset.UtcNow;
        var (oneCpu, free, twoCpus) = Placement.All();
        if (options.Wants(FaultsOptions.OneCpu))
        {
            await MeasureFaultsAsync(oneCpu, DemandTarget);
        }

        if (options.Wants(FaultsOptions.Free))
        {
            await MeasureFaultsAsync(free, DemandTarget);
        }

        if (twoCpus is not null && options.Wants(FaultsOptions.TwoCpus))
        {
            await MeasureFaultsAsync(twoCpus, target: null);
        }

        if (options.Wants(FaultsOptions.Fill))
        {
            await MeasureFillAsync(free);
        }

        return new FaultsReport(started, pagerName, options, figures, notes);
    }

    /// <summary>One fault and the rate of faults, with nothing but demand paging on either side.</summary>
    private async Task MeasureFaultsAsync(Placement placement, double? target)
    {
        await using var baseline = await StartAsync("the C handler", baselines.Handler, background: false, placement);
        await using var candidate = await StartAsync(pagerName, pager, background: false, placement);
        var turns = new Turns(baseline, candidate);

        // The pager's code is compiled again, in the background, once it has proved to be hot: faults of each kind,
        // the time to do it, and the same again. The C handler gets the same, to be fair.
        Say($"{placement.Name}: warming up");
        for (var i = 0; i < 3; i++)
        {
            foreach (var server in turns.Servers)
            {
                await TouchAsync(server, placement, "latency", FaultsOptions.WarmUpTouches, order: 1);
                await TouchAsync(server, placement, "rate", FaultsOptions.WarmUpTouches, order: 1);
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
        }

        List<JsonElement>[] latency = [[], []];
        List<JsonElement>[] rate = [[], []];
        for (var round = 1; round <= options.Rounds; round++)
        {
            Say($"{placement.Name}: round {round} of {options.Rounds}");
            await turns.TakeAsync(round, async (side, server) =>
            {
                latency[side].Add(await TouchAsync(server, placement, "latency", options.Touches, round));
            });
            await turns.TakeAsync(round, async (side, server) =>
            {
                rate[side].Add(await TouchAsync(server, placement, "rate", options.RateTouches, round));
            });
        }

        Add("one 4 KiB fault, p50", "p50", 1e-3, "us", latency, target);
        Add("one 4 KiB fault, p99", "p99", 1e-3, "us", latency, null);
        Add($"faults a second, {RateThreads} threads", "perSecond", 1e-3, "k/s", rate, null);
        turns.NoteBusyIdlers(placement, notes);

        void Add(string work, string property, double scale, string unit, List<JsonElement>[] sides, double? limit) =>
            figures.Add(new Figure(
                work, placement.Name, "C handler", unit, Numbers(sides[0], property, scale),
                Numbers(sides[1], property, scale), limit));
    }

    /// <summary>
    /// Every page of the image touched in random order while the background fill runs, from the handshake to the last
    /// page, beside one plain copy of the same bytes.
    /// </summary>
    private async Task MeasureFillAsync(Placement placement)
    {
        await using var candidate = await StartAsync(pagerName, pager, background: true, placement);
        Say("background fill: warming up");
        for (var i = 0; i < 3; i++)
        {
            await BulkAsync();
            await TouchAsync(candidate, placement, "sweep", 0, order: 1);
            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
        }

        List<JsonElement> copies = [];
        List<JsonElement> sweeps = [];
        for (var round = 1; round <= options.Rounds; round++)
        {
            Say($"background fill: round {round} of {options.Rounds}");
            copies.Add(await BulkAsync());
            sweeps.Add(await TouchAsync(candidate, placement, "sweep", 0, round));
        }

        figures.Add(new Figure(
            $"random touching of {options.ImageSize >> 20} MiB, background fill", placement.Name,
            "one plain UFFDIO_COPY", "ms", Numbers(copies, "seconds", 1e3), Numbers(sweeps, "seconds", 1e3), FillTarget));
    }

    private Task<ServerProcess> StartAsync(string name, string program, bool background, Placement placement) =>
        ServerProcess.StartAsync(
            name, program, Path.Combine(directory, $"{servers++}.sock"), image.Path, background, placement.ServerCpu,
            cancellation);

    private Task<JsonElement> TouchAsync(ServerProcess server, Placement placement, string mode, int touches, int order)
    {
        var touchedBytes = mode is "sweep" ? image.Size : Math.Min(image.Size, 2L * touches * FaultsOptions.PageSize);
        var start = Programs.Command(
            baselines.Toucher, placement.ToucherCpu,
            "--socket", server.SocketPath, "--size", $"{image.Size}", "--mode", mode, "--remove",
            "--order", $"{order}", "--seed", $"{image.Seed}", "--warm", $"{touchedBytes}");
        if (mode is not "sweep")
        {
            // The rate's pages can be all there are: its first meeting with the server is too short to matter.
            string[] counted = mode is "rate"
                ? ["--touches", $"{touches}", "--threads", $"{RateThreads}"]
                : ["--touches", $"{touches}", "--skip", $"{FaultsOptions.Skip}"];
            foreach (var argument in counted)
            {
                start.ArgumentList.Add(argument);
            }
        }

        return Programs.MeasureAsync(start, server, cancellation);
    }

    private Task<JsonElement> BulkAsync() =>
        Programs.MeasureAsync(
            Programs.Command(baselines.Bulk, null, "--image", image.Path, "--warm", $"{image.Size}"), null, cancellation);

    private static double[] Numbers(List<JsonElement> runs, string property, double scale) =>
        [.. runs.Select(run => run.GetProperty(property).GetDouble() * scale)];

    private void NoteOtherWork()
    {
        var load = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
        if (load > 1)
        {
            notes.Add($"the machine was busy before this began (load average {load:0.0}): take the figures with care");
        }
    }

    /// <summary>Progress goes to people only: the report is all that standard output carries.</summary>
    private static void Say(string what)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.WriteLine(what);
        }
    }

    /// <summary>Gives both servers their turn, and watches that the one that waits really rests.</summary>
    private sealed class Turns(ServerProcess baseline, ServerProcess candidate)
    {
        private const double Restful = 0.02;
        private readonly TimeSpan[] busyWhileIdle = new TimeSpan[2];
        private readonly TimeSpan[] idle = new TimeSpan[2];

        public ServerProcess[] Servers { get; } = [baseline, candidate];

        /// <summary>Who begins changes with the round, so that neither always follows the other.</summary>
        public async Task TakeAsync(int round, Func<int, ServerProcess, Task> turn)
        {
            foreach (var side in (int[])(round % 2 == 1 ? [0, 1] : [1, 0]))
            {
                var other = 1 - side;
                var before = Servers[other].ProcessorTime;
                var watch = Stopwatch.StartNew();
                await turn(side, Servers[side]);
                busyWhileIdle[other] += Servers[other].ProcessorTime - before;
                idle[other] += watch.Elapsed;
            }
        }

        public void NoteBusyIdlers(Placement placement, List<string> notes)
        {
            for (var side = 0; side < 2; side++)
            {
                var share = busyWhileIdle[side] / idle[side];
                if (share > Restful)
                {
                    notes.Add(
                        $"{placement.Name}: {Servers[side].Name} used {share:P0} of a CPU while the other side was "
                        + "measured, so the other side's figures are too slow");
                }
            }
        }
    }
}
