namespace Uffd.Bench;

/// <summary>The names of what can be measured of memory larger than RAM.</summary>
internal static class OutOfCoreParts
{
    public const string Zipf = "zipf";
    public const string Scan = "scan";
    public const string Hit = "hit";
    public const string Compressed = "compressed";
    public const string Moves = "moves";

    public static IReadOnlyList<string> All { get; } = [Zipf, Scan, Hit, Compressed, Moves];

    public static IReadOnlyList<string> Parse(string name, string text)
    {
        var parts = text.Split(',');
        return parts.Except(All, StringComparer.Ordinal).FirstOrDefault() is { } unknown
            ? throw new BenchException($"{name} knows {string.Join(", ", All)}, not {unknown}")
            : parts;
    }
}
