using System.Globalization;

namespace Uffd.Bench;

internal sealed record FaultsOptions
{
    public bool Json { get; private init; }

    public int Rounds { get; private init; } = 7;

    public int Touches { get; private init; } = 20_000;

    public long ImageSize { get; private init; } = 800L << 20;

    public bool SelfCheck { get; private init; }

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
                case "--pager":
                    options = options with { Pager = Path.GetFullPath(Value(name, ref args)) };
                    break;
                default:
                    throw new BenchException($"unknown option {name} (see --help)");
            }
        }

        // A round of the rate touches RateTouches pages, and none twice.
        return options.ImageSize / PageSize < Math.Max(options.RateTouches, options.Touches + Skip)
            ? throw new BenchException(
                $"--image-size is too small for --touches {options.Touches}: it takes {options.RateTouches} pages")
            : options;
    }

    /// <summary>The unit of the handshake and of the C programs; a machine with other pages is refused by them.</summary>
    public const int PageSize = 4096;

    /// <summary>The touches before the first counted one: the server has met the client by then.</summary>
    public const int Skip = 1000;

    public int RateTouches => 5 * Touches;

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
