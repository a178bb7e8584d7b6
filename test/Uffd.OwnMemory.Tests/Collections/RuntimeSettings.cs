namespace Uffd.OwnMemory.Tests;

/// <summary>How the runtime compiles and collects: on all of it depends where threads can be stopped.</summary>
/// <param name="Tiered">DOTNET_TieredCompilation.</param>
/// <param name="Profiled">DOTNET_TieredPGO.</param>
/// <param name="Server">DOTNET_gcServer.</param>
/// <param name="Concurrent">DOTNET_gcConcurrent.</param>
internal sealed record RuntimeSettings(bool Tiered = true, bool Profiled = true, bool Server = false, bool Concurrent = true)
{
    /// <summary>Sets it for a process that is to be started.</summary>
    public void ApplyTo(IDictionary<string, string?> environment)
    {
        environment["DOTNET_TieredCompilation"] = Tiered ? "1" : "0";
        environment["DOTNET_TieredPGO"] = Profiled ? "1" : "0";
        environment["DOTNET_gcServer"] = Server ? "1" : "0";
        environment["DOTNET_gcConcurrent"] = Concurrent ? "1" : "0";
        environment["DOTNET_GCHeapCount"] = "2"; // of a server's: a large machine is no other test than a small one
    }
}
