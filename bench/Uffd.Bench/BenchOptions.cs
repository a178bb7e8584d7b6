namespace Uffd.Bench;

/// <summary>What is measured, how often and how large.</summary>
internal sealed record BenchOptions
{
    /// <summary>The unit of the handshake and of the C programs; a machine with other pages is refused by them.</summary>
    public const int PageSize = 4096;

    /// <summary>The touches before the first counted one: the server has met the client by then.</summary>
    public const int Skip = 1000;

    /// <summary>What each server answers, several times over, before anything counts.</summary>
    public const int WarmUpTouches = 20_000;

    private const long QuickImage = 128L << 20;
    private const int QuickTouches = 2000;

    public bool Json { get; private init; }

    public int Rounds { get; private init; } = 15;

    /// <summary>
    /// Short runs, and many: where the scheduler may place the programs it moves them together after some ten thousand
    /// faults, or does not, and a run that holds both is seven times as fast or as slow as the next.
    /// </summary>
    public int Touches { get; private init; } = 5000;

    public long ImageSize { get; private init; } = 800L << 20;

    public bool SelfCheck { get; private init; }

    /// <summary>Small sizes and few rounds: shows that everything runs, and its figures say little.</summary>
    public bool Quick { get; private init; }

    /// <summary>The parts to measure.</summary>
    public IReadOnlyList<string> Parts { get; private init; } = [];

    /// <summary>Another server program with the same arguments, to be measured in the pager's place.</summary>
    public string? Pager { get; private init; }

    /// <summary>More options for the pager, to compare its ways: <c>--spin 0</c>.</summary>
    public IReadOnlyList<string> Serve { get; private init; } = [];

    public int RateTouches => 10 * Touches;

    /// <summary>Parts whose single run takes a second or more need fewer rounds for the same trust.</summary>
    public int LongRounds => Math.Max(1, Rounds / 3);

    /// <returns>null if help was asked for.</returns>
    public static BenchOptions? Parse(string verb, ReadOnlySpan<string> args)
    {
        var options = new BenchOptions { Parts = BenchParts.Of(verb) };
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
                    options = options with { SelfCheck = true };
                    break;
                case "--quick":
                    options = options with { Quick = true, Rounds = 1, Touches = QuickTouches, ImageSize = QuickImage };
                    break;
                case "--rounds":
                    options = options with { Rounds = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--touches":
                    options = options with { Touches = OptionValues.Count(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--image-size":
                    options = options with { ImageSize = OptionValues.Size(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--only":
                    options = options with { Parts = BenchParts.Parse(name, OptionValues.Next(name, ref args)) };
                    break;
                case "--pager":
                    options = options with { Pager = Path.GetFullPath(OptionValues.Next(name, ref args)) };
                    break;
                case "--serve":
                    options = options with { Serve = OptionValues.Next(name, ref args).Split(' ', StringSplitOptions.RemoveEmptyEntries) };
                    break;
                default:
                    throw new BenchException($"unknown option {name} (see --help)");
            }
        }

        // No page can be touched twice in a run.
        var pages = Math.Max(Math.Max(options.RateTouches, options.Touches + Skip), WarmUpTouches + Skip);
        return options.ImageSize / PageSize < pages
            ? throw new BenchException($"--image-size is too small: --touches {options.Touches} takes {pages} pages")
            : options;
    }
}
