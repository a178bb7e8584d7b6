using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Uffd.Migration;
using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>The process that memory moves to.</summary>
internal sealed class DestinationChild : IDisposable
{
    private const ulong PageBytes = 4096;

    private readonly NativeWork work;
    private readonly MemoryMapping warm;
    private readonly MigrationListener listener = MigrationListener.Listen(new MigrationAddress("127.0.0.1", 0, null));
    private readonly int plainPort;
    private ulong seed = 11;

    public DestinationChild(NativeWork work, ulong bytes)
    {
        this.work = work;
        warm = MemoryMapping.CreateAnonymous(bytes);
        warm.Advise(MemoryAdvice.PopulateWrite);
        plainPort = PlainStream.Listen(warm.Address, bytes);
    }

    private ulong Pages => warm.Length / PageBytes;

    public void Dispose()
    {
        listener.Dispose();
        warm.Dispose();
    }

    public async Task<JsonObject> AnswerAsync(string[] command) => command switch
    {
        ["ready"] => new JsonObject { ["port"] = listener.Address.Port, ["plainPort"] = plainPort },
        ["local", var count] => Local(ulong.Parse(count, CultureInfo.InvariantCulture)),
        ["accept", "none"] => await AcceptAsync(null),
        ["accept", var count] => await AcceptAsync(ulong.Parse(count, CultureInfo.InvariantCulture)),
        _ => throw new BenchException($"there is no command {string.Join(' ', command)}"),
    };

    /// <summary>Faults of memory whose pages are in this process already: what one costs without a way to go.</summary>
    private JsonObject Local(ulong count)
    {
        using var source = new MemoryPageSource(warm);
        using var memory = MemoryMapping.CreateAnonymous(warm.Length);
        using var pager = new Pager();
        using var userfaultfd = Userfaultfd.Create();
        _ = userfaultfd.Register(memory.Range, UffdRegisterModes.Missing);
        using var space = pager.Attach(userfaultfd, [new AddressSpaceRegion(memory.Range, source)], new AddressSpaceOptions { BackgroundFill = false });
        return Latencies.Of(work.Touch(memory.Address, Pages, count, seed++));
    }

    /// <summary>Takes in the next migration.</summary>
    /// <param name="touched">How many pages to touch from the switch on, 0 for all; null for none.</param>
    private async Task<JsonObject> AcceptAsync(ulong? touched)
    {
        using var link = await listener.AcceptAsync();
        using var memory = MemoryMapping.CreateAnonymous(warm.Length);
        MemoryLanding? arrived = null;
        var firstAt = 0UL;
        var touching = Task.FromResult(new JsonObject());
        using var destination = new MigrationDestination(new MigrationDestinationOptions
        {
            Land = _ => arrived = new MemoryLanding(memory),
            Start = (_, _) =>
            {
                firstAt = work.Now();
                if (touched is { } count)
                {
                    touching = Task.Factory.StartNew(() => Touch(arrived!, count), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                }

                return ValueTask.CompletedTask;
            },
        });
        _ = await destination.RunAsync(link);
        var touches = await touching;
        using var landing = arrived!;
        return new JsonObject
        {
            ["firstAt"] = firstAt,
            ["touches"] = touches,
            ["sum"] = work.Sum(landing.Address, Pages).ToString(CultureInfo.InvariantCulture),
        };
    }

    private JsonObject Touch(MemoryLanding arrived, ulong count)
    {
        var started = Stopwatch.GetTimestamp();
        var samples = work.Touch(arrived.Address, Pages, count, seed++);
        var latencies = Latencies.Of(samples);
        latencies["seconds"] = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return latencies;
    }
}
