using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Uffd.Bench;

/// <summary>Adds up the file's 64-bit words from its first to its last.</summary>
internal static class ScanChild
{
    private const int Piece = 1 << 20;
    private const long WarmBytes = 64 << 20;
    private static readonly TimeSpan WarmTime = TimeSpan.FromMilliseconds(500);

    public static JsonObject Run(ChildOptions options)
    {
        WarmUp(options);
        using var memory = options.Open();
        var watch = Stopwatch.StartNew();
        var sum = Sum(memory, memory.Length);
        return new JsonObject
        {
            ["bytes"] = memory.Length,
            ["seconds"] = watch.Elapsed.TotalSeconds,
            ["misses"] = memory.Misses,
            ["sum"] = $"{sum:x16}",
            ["facts"] = memory.Facts,
        };
    }

    /// <summary>
    /// Compiles the code as a program that has run for a while has it, with the start of the file in a region of its own: what that has in
    /// memory is gone when the pass begins.
    /// </summary>
    private static void WarmUp(ChildOptions options)
    {
        var watch = Stopwatch.StartNew();
        while (options.MapAdvice is null && watch.Elapsed < WarmTime)
        {
            using var memory = options.Open();
            Sum(memory, Math.Min(WarmBytes, memory.Length));
        }
    }

    private static ulong Sum(ISideMemory memory, long length)
    {
        ulong sum = 0;
        for (long at = 0; at < length; at += Piece)
        {
            sum = unchecked(sum + memory.Sum(at, (int)Math.Min(Piece, length - at)));
        }

        return sum;
    }
}
