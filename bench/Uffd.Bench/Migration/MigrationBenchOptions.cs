namespace Uffd.Bench;

/// <summary>Which migrations are measured, how often and of what size.</summary>
internal sealed record MigrationBenchOptions
{
    public bool Json { get; private init; }

    /// <summary>Little memory and one round: shows that everything runs, and its figures say little.</summary>
    public bool Quick { get; private init; }

    public int Rounds { get; private init; } = 5;

    /// <summary>The memory that moves, in bytes.</summary>
    public long Size { get; private init; } = 1L << 30;

    /// <summary>Megabytes that the writer writes in a second.</summary>
    public int Writer { get; private init; } = 100;

    /// <summary>The connections of each link.</summary>
    public int Connections { get; private init; } = 3;

    /// <summary>The round trip of the long way, in milliseconds.</summary>
    public int RoundTrip { get; private init; } = 20;

    /// <returns>null if help was asked for.</returns>
    public static MigrationBenchOptions? Parse(ReadOnlySpan<string> args)
    {
        var options = new MigrationBenchOptions();
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
                    options = options with { Quick = true, Rounds = 1, Size = 128 << 20 };
                    break;
                case "--rounds":
                    options = options with { Rounds = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--size":
                    options = options with { Size = WholeMebibytes(name, OptionValues.Size(name, OptionValues.Next(name, ref args))) };
                    break;
                case "--writer":
                    options = options with { Writer = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--connections":
                    options = options with { Connections = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--round-trip":
                    options = options with { RoundTrip = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                default:
                    throw new BenchException($"unknown option {name} (see --help)");
            }
        }

        return options;
    }

    private static long WholeMebibytes(string name, long size)
        => size % (1 << 20) == 0 && size >= 16 << 20 ? size : throw new BenchException($"{name} wants whole MiB, at least 16");
}
