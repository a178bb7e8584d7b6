using System.Globalization;

namespace Uffd.Bench;

/// <summary>Which snapshots are measured, how often and of what size.</summary>
internal sealed record SnapshotBenchOptions
{
    private const long Smallest = 16 << 20;
    private const long QuickSize = 96 << 20;

    public bool Json { get; private init; }

    /// <summary>A small Redis and one round: shows that everything runs, and its figures say little.</summary>
    public bool Quick { get; private init; }

    public int Rounds { get; private init; } = 3;

    /// <summary>The memory of each Redis, in bytes.</summary>
    public IReadOnlyList<long> Sizes { get; private init; } = [600_000_000, 2_000_000_000];

    /// <summary>Writes a second.</summary>
    public int Rate { get; private init; } = 15_000;

    /// <summary>How long the writer is watched alone.</summary>
    public TimeSpan Alone { get; private init; } = TimeSpan.FromSeconds(4);

    /// <summary>Where cores and Redis's own files are written.</summary>
    public string Directory { get; private init; } = Path.GetTempPath();

    /// <summary>Another program in the command's place, with the same arguments.</summary>
    public string? Tool { get; private init; }

    /// <summary>More options for the command, to compare its ways: <c>--format image</c>.</summary>
    public IReadOnlyList<string> Snapshot { get; private init; } = [];

    /// <returns>null if help was asked for.</returns>
    public static SnapshotBenchOptions? Parse(ReadOnlySpan<string> args)
    {
        var options = new SnapshotBenchOptions();
        while (args is [var name, ..])
        {
            args = args[1..];
            switch (name)
            {
                case "--help" or "-h":
                    return null;
                case "--json":
                    options = options with { Json = true };
                    break;
                case "--quick":
                    options = options with { Quick = true, Rounds = 1, Sizes = [QuickSize], Alone = TimeSpan.FromSeconds(1) };
                    break;
                case "--rounds":
                    options = options with { Rounds = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--rate":
                    options = options with { Rate = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--size":
                    options = options with { Sizes = [.. OptionValues.Next(name, ref args).Split(',').Select(text => Size(name, text))] };
                    break;
                case "--directory":
                    options = options with { Directory = Path.GetFullPath(OptionValues.Next(name, ref args)) };
                    break;
                case "--tool":
                    options = options with { Tool = Path.GetFullPath(OptionValues.Next(name, ref args)) };
                    break;
                case "--snapshot":
                    options = options with { Snapshot = OptionValues.Next(name, ref args).Split(' ', StringSplitOptions.RemoveEmptyEntries) };
                    break;
                default:
                    throw new BenchException($"unknown option {name} (see --help)");
            }
        }

        return options;
    }

    /// <summary>A Redis is not made to the byte, so sizes are told as people tell them: also in powers of ten.</summary>
    private static long Size(string name, string text)
    {
        var (digits, factor) = text switch
        {
            _ when text.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 1L << 20),
            _ when text.EndsWith("GiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 1L << 30),
            _ when text.EndsWith("MB", StringComparison.OrdinalIgnoreCase) => (text[..^2], 1_000_000L),
            _ when text.EndsWith("GB", StringComparison.OrdinalIgnoreCase) => (text[..^2], 1_000_000_000L),
            _ => (text, 1L),
        };
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            && value is > 0 and < 1L << 40
            && value <= (1L << 40) / factor
            && value * factor >= Smallest
            ? value * factor
            : throw new BenchException($"{name} wants sizes of at least 16MiB, as 600MB,2GB, not {text}");
    }
}
