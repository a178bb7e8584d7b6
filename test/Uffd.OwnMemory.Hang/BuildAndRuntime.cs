using System.Diagnostics;
using System.Reflection;
using System.Runtime;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>How this program and the libraries were built, and how its runtime collects: so that a test which asks for it knows that it got it.</summary>
internal static class BuildAndRuntime
{
    public static string Describe()
        => $"build={ConfigurationOf(typeof(BuildAndRuntime).Assembly)} libraries={ConfigurationOf(typeof(PagedRegion).Assembly)} server={GCSettings.IsServerGC} concurrent={GCSettings.LatencyMode != GCLatencyMode.Batch}";

    private static string ConfigurationOf(Assembly assembly)
        => assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true } ? "Debug" : "Release";
}
