namespace Uffd.Bench;

/// <summary>What is measured of memory larger than RAM, how often and how large.</summary>
internal sealed record OutOfCoreOptions
{
    private const long Mebibyte = 1L << 20;
    private const long SmallestLimit = 16 * Mebibyte;

    public bool Json { get; private init; }

    /// <summary>C# over a plain mmap takes the region's place.</summary>
    public bool SelfCheck { get; private init; }

    /// <summary>Small sizes and one round: shows that everything runs, and its figures say little.</summary>
    public bool Quick { get; private init; }

    public int Rounds { get; private init; } = 5;

    /// <summary>The memory that pages of the file may take, in bytes.</summary>
    public long Limit { get; private init; } = 128 * Mebibyte;

    /// <summary>The file is so many times the limit.</summary>
    public int Times { get; private init; } = 10;

    /// <summary>Operations that are timed; half as many before them are not.</summary>
    public int Operations { get; private init; } = 200_000;

    /// <summary>Where the file is made: on a disk.</summary>
    public string Directory { get; private init; } = Path.GetTempPath();

    public IReadOnlyList<string> Parts { get; private init; } = OutOfCoreParts.All;

    public long FileSize => Limit * Times;

    public int WarmUp => Operations / 2;

    /// <returns>null if help was asked for.</returns>
    public static OutOfCoreOptions? Parse(ReadOnlySpan<string> args)
    {
        var options = new OutOfCoreOptions();
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
                case "--self-check":
                    options = options with { SelfCheck = true, Parts = [OutOfCoreParts.Zipf, OutOfCoreParts.Scan] };
                    break;
                case "--quick":
                    options = options with { Quick = true, Rounds = 1, Limit = 32 * Mebibyte, Operations = 40_000 };
                    break;
                case "--rounds":
                    options = options with { Rounds = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--operations":
                    options = options with { Operations = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--limit":
                    options = options with { Limit = OptionValues.Size(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--times":
                    options = options with { Times = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--directory":
                    options = options with { Directory = Path.GetFullPath(OptionValues.Next(name, ref args)) };
                    break;
                case "--only":
                    options = options with { Parts = OutOfCoreParts.Parse(name, OptionValues.Next(name, ref args)) };
                    break;
                default:
                    throw new BenchException($"unknown option {name} (see --help)");
            }
        }

        if (options.Limit < SmallestLimit)
        {
            throw new BenchException("--limit is too small: a program does not even start in less than 16MiB");
        }

        return options.FileSize / Record.Size >= OperationSequence.WriteBit
            ? throw new BenchException("the file is too large: --limit times --times must stay below 128 GiB")
            : options;
    }
}
