using System.Reflection;

namespace Uffd.Bench;

/// <summary>What the build wrote into this assembly: where the C programs' sources and the built command are.</summary>
internal static class BuildFacts
{
    public static string BaselinesDirectory => Get("BaselinesDirectory");

    public static string PagerPath => Get("PagerPath");

    public static bool IsRelease => string.Equals(Get("Configuration"), "Release", StringComparison.Ordinal);

    private static string Get(string key) =>
        typeof(BuildFacts).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(a => string.Equals(a.Key, key, StringComparison.Ordinal))?.Value
        ?? throw new BenchException($"this build does not say its {key}");
}
