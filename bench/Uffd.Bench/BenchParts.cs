namespace Uffd.Bench;

/// <summary>The names of what can be measured.</summary>
internal static class BenchParts
{
    public const string OneCpu = "one-cpu";
    public const string Free = "free";
    public const string TwoCpus = "two-cpus";
    public const string InOrder = "in-order";
    public const string Fill = "fill";
    public const string Slow = "slow";
    public const string Spaces = "spaces";
    public const string WorkingSet = "working-set";

    private static readonly string[] Faults = [OneCpu, Free, TwoCpus, Fill];

    private static readonly string[] All = [OneCpu, Free, TwoCpus, InOrder, Fill, Slow, Spaces, WorkingSet];

    public static IReadOnlyList<string> Of(string verb) => verb is "all" ? All : Faults;

    public static IReadOnlyList<string> Parse(string name, string text)
    {
        var parts = text.Split(',');
        return parts.Except(All, StringComparer.Ordinal).FirstOrDefault() is { } unknown
            ? throw new BenchException($"{name} knows {string.Join(", ", All)}, not {unknown}")
            : parts;
    }
}
