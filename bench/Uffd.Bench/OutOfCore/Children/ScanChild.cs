using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Uffd.Bench;

/// <summary>Adds up the file's 64-bit words from its first to its last.</summary>
internal static class ScanChild
{
    private const int Piece = 1 << 20;

    public static JsonObject Run(ChildOptions options)
    {
        using var memory = options.Open();
        var watch = Stopwatch.StartNew();
        ulong sum = 0;
        for (long at = 0; at < memory.Length; at += Piece)
        {
            sum = unchecked(sum + memory.Sum(at, (int)Math.Min(Piece, memory.Length - at)));
        }

        return new JsonObject
        {
            ["bytes"] = memory.Length,
            ["seconds"] = watch.Elapsed.TotalSeconds,
            ["misses"] = memory.Misses,
            ["sum"] = $"{sum:x16}",
            ["facts"] = memory.Facts,
        };
    }
}
