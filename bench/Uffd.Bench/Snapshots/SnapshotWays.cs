using System.Diagnostics;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>The ways to copy a Redis, each measured while the writer is watched.</summary>
internal sealed class SnapshotWays(SnapshotBench bench, RedisProcess redis, WriterProcess writer, CancellationToken cancellation)
{
    // A copy that leaves out what it should have would be quick. Text and libraries that are only read are resident too, and in no core.
    private const double LeastShare = 0.9;

    private static readonly TimeSpan SavePatience = TimeSpan.FromMinutes(5);

    public async Task<UffdMeasure> SnapshotAsync()
    {
        var path = Path.Combine(bench.Directory, "uffd.core");
        MeasuredRun? run = null;
        redis.ForgetPeak();
        var before = redis.Memory("VmRSS");
        var window = await writer.WatchAsync(
            async () => run = await MeasuredRun.RunAsync(
                bench.Programs, bench.Directory, [bench.Programs.Tool, "snapshot", $"{redis.ProcessId}", "-o", path, "--no-sync", "--json", .. bench.Options.Snapshot], cancellation),
            cancellation);
        var peak = redis.Memory("VmHWM");
        try
        {
            using var json = JsonDocument.Parse(run!.Output);
            var root = json.RootElement;
            Check("uffd snapshot", root.GetProperty("bytes").GetInt64(), before);
            return new UffdMeasure(
                root.GetProperty("finalPauseMs").GetDouble(), root.GetProperty("attachPauseMs").GetDouble(), run.Seconds, run.PeakBytes, before, peak,
                root.GetProperty("rounds").GetInt32(), window);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BenchException($"uffd snapshot --json printed something else than was expected: {Programs.FirstLine(run!.Output)}");
        }
        finally
        {
            File.Delete(path);
        }
    }

    public async Task<GcoreMeasure> GcoreAsync()
    {
        var prefix = Path.Combine(bench.Directory, "gcore");
        var path = $"{prefix}.{redis.ProcessId}";
        MeasuredRun? run = null;
        var before = redis.Memory("VmRSS");
        var window = await writer.WatchAsync(
            async () => run = await MeasuredRun.RunAsync(bench.Programs, bench.Directory, ["gcore", "-o", prefix, $"{redis.ProcessId}"], cancellation),
            cancellation);
        if (!File.Exists(path))
        {
            throw new BenchException($"gcore wrote no core: {Programs.FirstLine(run!.Output)}");
        }

        Check("gcore", new FileInfo(path).Length, before);
        File.Delete(path);
        return new GcoreMeasure(run!.Seconds, before, window);
    }

    public async Task<BgsaveMeasure> BgsaveAsync()
    {
        double seconds = 0;
        var window = await writer.WatchAsync(
            async () =>
            {
                var watch = Stopwatch.StartNew();
                await redis.AskAsync("BGSAVE");
                while (await redis.InfoAsync("rdb_bgsave_in_progress") != 0)
                {
                    if (watch.Elapsed > SavePatience)
                    {
                        throw new BenchException($"BGSAVE did not end within {SavePatience.TotalMinutes:0} minutes");
                    }

                    await Task.Delay(20, cancellation);
                }

                seconds = watch.Elapsed.TotalSeconds;
            },
            cancellation);
        if (!File.Exists(redis.SavedPath))
        {
            throw new BenchException("BGSAVE wrote nothing: the disk may be full");
        }

        var fork = await redis.InfoAsync("latest_fork_usec");
        File.Delete(redis.SavedPath);
        return new BgsaveMeasure(fork / 1000.0, seconds, window);
    }

    /// <summary>The same fork() without anything else, of a process of that size.</summary>
    public async Task<double> ForkAsync()
    {
        var resident = redis.Memory("VmRSS");
        var json = await Programs.MeasureAsync(Programs.Command(bench.Programs.Fork, null, "--size", $"{resident}", "--times", "5"), null, cancellation);
        return json.GetProperty("medianNs").GetDouble() / 1e6;
    }

    private static void Check(string who, long bytes, long resident)
    {
        if (bytes < LeastShare * resident)
        {
            throw new BenchException($"{who} copied {bytes >> 20} MiB of a process with {resident >> 20} MiB resident: that is no copy");
        }
    }
}
