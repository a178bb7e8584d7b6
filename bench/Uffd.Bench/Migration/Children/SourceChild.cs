using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Uffd.Migration;

namespace Uffd.Bench;

/// <summary>The process whose memory moves.</summary>
internal sealed class SourceChild : IDisposable
{
    private const ulong PageBytes = 4096;
    private const ulong Seed = 7;

    private readonly NativeWork work;
    private readonly MemoryMapping memory;

    public SourceChild(NativeWork work, ulong bytes)
    {
        this.work = work;
        memory = MemoryMapping.CreateAnonymous(bytes);
        work.Fill(memory.Address, bytes / PageBytes, Seed);
    }

    private ulong Pages => memory.Length / PageBytes;

    public void Dispose() => memory.Dispose();

    public async Task<JsonObject> AnswerAsync(string[] command) => command switch
    {
        ["ready"] => new JsonObject { ["pages"] = Pages },
        ["plain", var port] => new JsonObject { ["seconds"] = PlainStream.Send(Number(port), PlainStream.IntoWhole, memory.Address, memory.Length) },
        ["plain-small", var port] => new JsonObject { ["seconds"] = PlainStream.Send(Number(port), PlainStream.IntoSmall, memory.Address, memory.Length) },
        ["ask", var port, var count] => Latencies.Of(PlainStream.Ask(Number(port), Number(count))),
        ["migrate", var port, var rounds, var connections, var writer, var limit] => await MigrateAsync(Number(port), Number(rounds), Number(connections), (ulong)Number(writer), (ulong)Number(limit)),
        _ => throw new BenchException($"there is no command {string.Join(' ', command)}"),
    };

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    /// <param name="port">The destination's.</param>
    /// <param name="rounds">Of pre-copy, at most.</param>
    /// <param name="connections">Of the link.</param>
    /// <param name="writerMegabytes">A second, written while it runs.</param>
    /// <param name="limitMegabytes">A second that are sent without being waited for, or 0.</param>
    private async Task<JsonObject> MigrateAsync(int port, int rounds, int connections, ulong writerMegabytes, ulong limitMegabytes)
    {
        using var link = await new MigrationConnector(new MigrationAddress("127.0.0.1", port, null), new MigrationLinkOptions { Connections = connections }).ConnectAsync(Guid.NewGuid());
        using var moved = ProcessMigrationMemory.Create(Environment.ProcessId, [memory.Range]);
        var workload = new WriterWorkload(work, writerMegabytes > 0);
        if (writerMegabytes > 0)
        {
            work.StartWriter(memory.Address, Pages, writerMegabytes * 1_000_000 / PageBytes);
        }

        using var source = new MigrationSource([moved], ["memory"], workload, new MigrationSourceOptions { MaxRounds = rounds, BytesPerSecond = limitMegabytes << 20 });
        var started = Stopwatch.GetTimestamp();
        var summary = await source.RunAsync(link);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var written = writerMegabytes > 0 ? work.EndWriter() : 0;
        return new JsonObject
        {
            ["seconds"] = seconds,
            ["pausedAt"] = workload.PausedAt,
            ["rounds"] = summary.Progress.Round,
            ["postCopy"] = summary.WasPostCopy,
            ["writtenMegabytesPerSecond"] = written * PageBytes / 1e6 / seconds,
            ["sum"] = work.Sum(memory.Address, Pages).ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>Who writes: a native thread, or nobody.</summary>
    private sealed class WriterWorkload(NativeWork work, bool writes) : IMigrationWorkload
    {
        /// <summary>When it was told to stop, before it had.</summary>
        public ulong PausedAt { get; private set; }

        public ValueTask<ReadOnlyMemory<byte>> PauseAsync(CancellationToken cancellation)
        {
            PausedAt = work.Now();
            if (writes)
            {
                work.PauseWriter();
            }

            return new(ReadOnlyMemory<byte>.Empty);
        }

        public ValueTask ResumeAsync()
        {
            if (writes)
            {
                work.ResumeWriter();
            }

            return ValueTask.CompletedTask;
        }
    }
}
