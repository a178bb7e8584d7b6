using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Uffd.Paging;

namespace Uffd.Daemon.Demo;

/// <summary>
/// The demo: a daemon in one process serves an image to a worker in another, which starts before its memory has arrived; beside it,
/// in the same run, the same image read whole before the first byte is used.
/// </summary>
public sealed class LazyLoadDemo
{
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(30);

    private readonly DemoOptions _options;

    private LazyLoadDemo(DemoOptions options) => _options = options;

    /// <summary>Runs it. Needs free memory of about twice the image.</summary>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Ends it; the processes it started end too.</param>
    /// <exception cref="UffdException">Paging is not allowed here, or a process it started failed: the message says which.</exception>
    /// <exception cref="IOException">The image cannot be read or made.</exception>
    public static async Task<DemoResult> RunAsync(DemoOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Userfaultfd.Create().Dispose(); // an early and clear error where paging is not allowed
        DirectoryInfo folder = Directory.CreateTempSubdirectory("uffd-demo-");
        try
        {
            return await Task.Run(() => new LazyLoadDemo(options).RunInAsync(folder.FullName, cancellation), cancellation).ConfigureAwait(false);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task<DemoResult> RunInAsync(string folder, CancellationToken cancellation)
    {
        string image = _options.ImagePath ?? Path.Combine(folder, "image");
        if (_options.ImagePath is null)
        {
            DemoImage.Write(image, _options.ImageLength, Report(DemoPhase.MakeImage), cancellation);
        }

        var digest = ImageDigest.Compute(image, Report(DemoPhase.ReadImage), cancellation);
        string checksums = Path.Combine(folder, "checksums");
        digest.WriteChecksums(checksums);

        // Warm, so that neither way pays for memory that the host has yet to find.
        _ = MeasureEagerLoad(image, digest.Length, cancellation);
        double eagerLoadMs = MeasureEagerLoad(image, digest.Length, cancellation);
        Report(DemoPhase.LoadEagerly)(1);

        string socket = Path.Combine(folder, "socket");
        await using var daemon = ChildProcess.Start(_options.Self(["serve", "--socket", socket, "--image", image, "--json", "--drain", "0"]));
        await daemon.WaitForLineAsync(line => EventOf(line) is "ready", "the daemon", ReadyTimeout, cancellation).ConfigureAwait(false);
        string length = digest.Length.ToString(CultureInfo.InvariantCulture);
        await using var worker = ChildProcess.Start(_options.Self(["demo-worker", socket, length, checksums]));
        DemoWorkerResult result = await FollowAsync(worker, digest.PageChecksums.Length, cancellation).ConfigureAwait(false);
        string resident = await daemon.WaitForLineAsync(line => IsResident(line, digest.Length), "the daemon", ReadyTimeout, cancellation).ConfigureAwait(false);
        return Conclude(digest, eagerLoadMs, result, resident);
    }

    private async Task<DemoWorkerResult> FollowAsync(ChildProcess worker, int pages, CancellationToken cancellation)
    {
        Action<double> report = Report(DemoPhase.TouchEverything);
        while (await worker.ReadLineAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            DemoWorkerLine? said = DemoJson.Read(line);
            if (said?.Error is { } error)
            {
                throw new UffdException($"the worker failed: {error}");
            }

            if (said?.Done is { } result)
            {
                report(1);
                return result;
            }

            report(Math.Min(1, (double)(said?.Touched ?? 0) / pages));
        }

        throw new UffdException($"the worker ended without a result: {await worker.DescribeEndAsync().ConfigureAwait(false)}");
    }

    private static DemoResult Conclude(ImageDigest digest, double eagerLoadMs, DemoWorkerResult worker, string resident)
    {
        using var line = JsonDocument.Parse(resident);
        JsonElement counts = line.RootElement.GetProperty("counts");
        long faults = counts.GetProperty("faults").GetInt64();

        // The daemon knows how many touches had to wait; they are the slowest of all that the worker timed.
        LatencyHistogram latency = new LatencyHistogram(worker.TouchNanoseconds).Slowest(faults);
        return new DemoResult(
            worker.WrongPages == 0 && string.Equals(worker.Sha256, digest.Sha256, StringComparison.Ordinal),
            digest.Length,
            digest.PageChecksums.Length,
            faults,
            worker.FirstAccessMs,
            eagerLoadMs,
            line.RootElement.GetProperty("seconds").GetDouble() * 1000,
            counts.GetProperty("backgroundPages").GetInt64() + counts.GetProperty("readAheadPages").GetInt64(),
            counts.GetProperty("zeroPages").GetInt64(),
            latency,
            digest.Sha256);
    }

    /// <summary>What a program does without a pager: memory, all of the file read into it, then the first byte.</summary>
    private static double MeasureEagerLoad(string path, ulong length, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        using var memory = MemoryMapping.CreateAnonymous(length);
        using var file = File.OpenHandle(path);
        for (ulong done = 0; done < length;)
        {
            cancellation.ThrowIfCancellationRequested();
            int read = RandomAccess.Read(file, memory.AsSpan(done, (int)Math.Min(length - done, 1 << 20)), (long)done);
            if (read == 0)
            {
                throw new EndOfStreamException($"the image {path} was cut short while it was read");
            }

            done += (ulong)read;
        }

        GC.KeepAlive(memory.AsSpan(0, 1)[0]);
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static string? EventOf(string line)
    {
        using var parsed = JsonDocument.Parse(line);
        return parsed.RootElement.GetProperty("event").GetString();
    }

    /// <summary>The worker is two clients: a page to warm up, then the image.</summary>
    private static bool IsResident(string line, ulong length)
    {
        using var parsed = JsonDocument.Parse(line);
        return parsed.RootElement.GetProperty("event").GetString() is "resident"
            && parsed.RootElement.GetProperty("bytes").GetUInt64() >= length;
    }

    private Action<double> Report(DemoPhase phase) => share => _options.Progress(phase, share);
}
