using System.Globalization;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>One migration, as it was measured.</summary>
/// <param name="Seconds">From its begin until the source was told of its end.</param>
/// <param name="DowntimeMs">From the order to pause the workload until the destination's first instruction.</param>
/// <param name="WasPostCopy">Whether pages were left to post-copy.</param>
/// <param name="Written">Megabytes a second that the writer wrote.</param>
/// <param name="Touches">What touching pages at the destination took.</param>
internal sealed record MigrationRun(double Seconds, double DowntimeMs, bool WasPostCopy, double Written, JsonElement Touches);

/// <summary>The two processes, and what is done between them.</summary>
internal sealed class MigrationPair(
    MigrationProcess source, MigrationProcess destination, int port, int plainPort, MigrationBenchOptions options, CancellationToken cancellation)
{
    /// <summary>Where the destination takes in migrations.</summary>
    public int Port => port;

    /// <summary>Where it takes in plain streams.</summary>
    public int PlainPort => plainPort;

    /// <summary>The seconds that a plain stream takes.</summary>
    public async Task<double> PlainAsync(string command, int where)
        => (await source.AskAsync(Line($"{command} {where}"), cancellation)).GetProperty("seconds").GetDouble();

    /// <summary>Faults of the destination's own.</summary>
    public Task<JsonElement> LocalAsync(int touches) => destination.AskAsync(Line($"local {touches}"), cancellation);

    /// <summary>Questions of 16 bytes, answered with a page.</summary>
    public Task<JsonElement> AskAsync(int questions) => source.AskAsync(Line($"ask {plainPort} {questions}"), cancellation);

    /// <summary>Moves the memory, and compares it at the end.</summary>
    /// <param name="where">The port to connect to.</param>
    /// <param name="rounds">Of pre-copy, at most.</param>
    /// <param name="writer">Megabytes a second that are written meanwhile.</param>
    /// <param name="touches">Pages that the destination touches from its first instruction on; 0 for all, null for none.</param>
    public async Task<MigrationRun> MigrateAsync(int where, int rounds, int writer = 0, int? touches = null)
    {
        var arriving = destination.AskAsync(Line($"accept {(touches is { } count ? count.ToString(CultureInfo.InvariantCulture) : "none")}"), cancellation);
        var moving = source.AskAsync(Line($"migrate {where} {rounds} {options.Connections} {writer} 0"), cancellation);
        if (await Task.WhenAny(arriving, moving) is { IsFaulted: true } failed)
        {
            await failed; // the other would be waited for in vain
        }

        var left = await moving;
        var arrived = await arriving;
        if (!string.Equals(left.GetProperty("sum").GetString(), arrived.GetProperty("sum").GetString(), StringComparison.Ordinal))
        {
            throw new BenchException("what arrived is not what was sent");
        }

        var downtime = (arrived.GetProperty("firstAt").GetDouble() - left.GetProperty("pausedAt").GetDouble()) / 1e6;
        return new MigrationRun(
            left.GetProperty("seconds").GetDouble(), downtime, left.GetProperty("postCopy").GetBoolean(), left.GetProperty("writtenMegabytesPerSecond").GetDouble(), arrived.GetProperty("touches"));
    }

    private static string Line(FormattableString text) => FormattableString.Invariant(text);
}
