using System.Globalization;

namespace Uffd.Bench;

/// <summary>The verb <c>clones</c>.</summary>
internal static class ClonesCommand
{
    private const long Mebibyte = 1L << 20;

    /// <returns>The exit status: 1 when the target is missed.</returns>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        var size = 512 * Mebibyte;
        var json = false;
        for (var index = 0; index < arguments.Length; index++)
        {
            if (arguments[index] is "--json")
            {
                json = true;
            }
            else if (arguments[index] is "--image-size" && index + 1 < arguments.Length && TryParse(arguments[index + 1], out var given))
            {
                size = given;
                index++;
            }
            else
            {
                throw new BenchException("usage: Uffd.Bench clones [--json] [--image-size NMiB]");
            }
        }

        var report = await ClonesBenchmark.RunAsync(size, cancellation);
        Console.Write(json ? report.ToJson() : report.ToTable());
        return report.Ok ? 0 : 1;
    }

    private static bool TryParse(string text, out long bytes)
    {
        var parsed = long.TryParse(text.Replace("MiB", "", StringComparison.Ordinal), NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        bytes = number * Mebibyte;
        return parsed && number is > 0 and < 1 << 20;
    }
}
