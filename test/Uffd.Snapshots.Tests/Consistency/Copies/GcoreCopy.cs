using System.Globalization;

namespace Uffd.Snapshots.Tests;

/// <summary>A copy of a process by gdb's gcore, which stops it for as long as it takes.</summary>
internal static class GcoreCopy
{
    /// <summary>Copies a process.</summary>
    /// <param name="processId">Its id.</param>
    /// <param name="folder">Where the core file goes.</param>
    public static CoreFile Take(int processId, TemporaryFolder folder)
    {
        Requires.Program("gcore");
        string prefix = folder.File("gcore");
        CompilerResult result = NativeCompiler.Run("gcore", ["-o", prefix, processId.ToString(CultureInfo.InvariantCulture)]);
        string core = $"{prefix}.{processId}";
        Assert.True(File.Exists(core), $"gcore wrote no core (exit code {result.ExitCode}):\n{result.Output}");
        return CoreFile.Open(core);
    }
}
