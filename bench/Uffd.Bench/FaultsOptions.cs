using System.Globalization;

namespace Uffd.Bench;

internal sealed record FaultsOptions
{
    public const string OneCpu = "one-cpu";
    public const string Free = "free";
    public const string TwoCpus = "two-cpus";
    public const string Fill = "fill";

    public bool Json { get; private init; }

    public int Rounds { get; private init; } = 15;

    /// <summary>
    /// Short runs, and many: where the scheduler may place the programs it moves them together after some ten thousand
    /// faults, or does not, and a run that holds both is seven times as fast or as slow as the next.
    /// </summary>
    public int Touches { get; private init; } = 5000;

    public long ImageSize { get; private init; } = 800L << 20;

    public bool SelfCheck { get; private init; }

    /// <summary>The parts to measure, all of them if empty.</summary>
    public IReadOnlyList<string> Only { get; private init; } = [];

    /// <summary>Another server program with the same arguments, to be measured in the pager's place.</summary>
    public string? Pager { get; private init; }

    /// <returns>null if help was asked for.</returns>
    public static FaultsOptions? Parse(ReadOnlySpan<string> args)
    {
        var options = new FaultsOptions();
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
                case "--rounds":
                    options = options with { Rounds = Count(name, Value(name, ref args)) };
                    break;
                case "--touches":
                    options = options with { Touches = Count(name, Value(name, ref args)) };
                    break;
                case "--image-size":
                    options = options with { ImageSize = Size(name, Value(name, ref args)) };
                    break;
                case "--only":
                    options = options with { Only = Parts(name, Value(name, ref args)) };
                    break;
                case "--pager":
                    options = options with { Pager = Path.GetFullPath(Value(name, ref args)) };
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

    /// <summary>The unit of the handshake and of the C programs; a machine with other pages is refused by them.</summary>
    public const int PageSize = 4096;

    /// <summary>The touches before the first counted one: the server has met the client by then.</summary>
    public const int Skip = 1000;

    /// <summary>What each server answers, several times over, before anything counts.</summary>
    public const int WarmUpTouches = 20_000;

    public int RateTouches => 10 * Touches;

    public bool Wants(string part) => Only.Count == 0 || Only.Contains(part, StringComparer.Ordinal);

    private static string Value(string name, ref ReadOnlySpan<string> args)
    {
        if (args is not [var value, ..])
        {
            throw new BenchException($"{name} needs a value");
        }

        args = args[1..];
        return value;
    }

    private static int Count(string name, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value is > 0 and < 10_000_000
            ? value
            : throw new BenchException($"{name} wants a whole number above 0, not {text}");

    private static string[] Parts(string name, string text)
    {
        var parts = text.Split(',');
        return parts.FirstOrDefault(part => part is not (OneCpu or Free or TwoCpus or Fill)) is { } unknown
            ? throw new BenchException($"{name} knows {OneCpu}, {Free}, {TwoCpus} and {Fill}, not {unknown}")
            : parts;
    }

    private static long Size(string name, string text)
    {
        var (digits, shift) = text switch
        {
            _ when text.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 10),
            _ when text.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 20),
            _ when text.EndsWith("GiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 30),
            _ => (text, 0),
        };
        var size = long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            && value <= long.MaxValue >> 30
            ? value << shift
            : 0;
        return size > 0 && size % PageSize == 0
            ? size
            : throw new BenchException($"{name} wants a size in whole pages, as 800MiB, not {text}");
    }
}
