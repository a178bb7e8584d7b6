using System.Diagnostics;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>What the writer saw for a while. Times in microseconds.</summary>
internal sealed record WriterWindow(long Requests, double Seconds, double Median, double P99, double P999, double Longest);

/// <summary>The closed-loop writer: bench/baselines/rediswriter.c.</summary>
internal sealed class WriterProcess : IAsyncDisposable
{
    private static readonly TimeSpan LoadPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromMinutes(1);

    private readonly Process process;

    private WriterProcess(Process process)
    {
        this.process = process;
        process.StandardInput.AutoFlush = true;
    }

    /// <summary>Fills a Redis and begins to write.</summary>
    public static async Task<WriterProcess> StartAsync(
        SnapshotPrograms programs, RedisProcess redis, long keys, int valueBytes, int rate, CancellationToken cancellation)
    {
        var start = Programs.Command(
            programs.Writer, null, "--socket", redis.SocketPath, "--keys", $"{keys}", "--value", $"{valueBytes}", "--rate", $"{rate}");
        var writer = new WriterProcess(Programs.Start(start, "it was compiled for this run"));
        try
        {
            await writer.ReadLineAsync(LoadPatience, cancellation); // loaded
            return writer;
        }
        catch
        {
            await writer.DisposeAsync();
            throw;
        }
    }

    /// <summary>Watches what it sees while something is done.</summary>
    public async Task<WriterWindow> WatchAsync(Func<Task> work, CancellationToken cancellation)
    {
        await process.StandardInput.WriteLineAsync("begin");
        await work();
        await process.StandardInput.WriteLineAsync("end");
        using var json = JsonDocument.Parse(await ReadLineAsync(AnswerPatience, cancellation));
        var root = json.RootElement;
        return new WriterWindow(
            root.GetProperty("requests").GetInt64(), Number("seconds"), Number("p50Us"), Number("p99Us"), Number("p999Us"), Number("maxUs"));

        double Number(string name) => root.GetProperty(name).GetDouble();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }

        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
    }

    private async Task<string> ReadLineAsync(TimeSpan patience, CancellationToken cancellation)
    {
        try
        {
            return await process.StandardOutput.ReadLineAsync(cancellation).AsTask().WaitAsync(patience, cancellation)
                ?? throw new BenchException($"the writer ended: {Programs.FirstLine(await process.StandardError.ReadToEndAsync(cancellation))}");
        }
        catch (TimeoutException)
        {
            throw new BenchException($"the writer gave no answer within {patience.TotalSeconds:0} s");
        }
    }
}
