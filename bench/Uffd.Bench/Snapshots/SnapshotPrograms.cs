namespace Uffd.Bench;

/// <summary>The programs that a run needs: those in C, compiled, and the command that is measured.</summary>
/// <param name="Writer">The closed-loop writer.</param>
/// <param name="Runner">What runs a program and tells what it took.</param>
/// <param name="Fork">What fork() costs.</param>
/// <param name="Tool">The command.</param>
internal sealed record SnapshotPrograms(string Writer, string Runner, string Fork, string Tool)
{
    /// <summary>Compiles what is to be compiled, and says which program is missing before anything is measured.</summary>
    public static async Task<SnapshotPrograms> PrepareAsync(SnapshotBenchOptions options, string directory, CancellationToken cancellation)
    {
        Need("redis-server", "the process that is copied is a Redis: install redis-server, or run eng/install-test-tools");
        Need("gcore", "gcore is what snapshots are compared with: install gdb, or run eng/install-test-tools");
        var tool = options.Tool ?? BuildFacts.PagerPath;
        return !File.Exists(tool)
            ? throw new BenchException($"there is no command at {tool}: build the solution first")
            : new SnapshotPrograms(
                await Baselines.CompileAsync("rediswriter", directory, cancellation),
                await Baselines.CompileAsync("snapshotrun", directory, cancellation),
                await Baselines.CompileAsync("snapshotfork", directory, cancellation),
                tool);
    }

    private static void Need(string program, string why)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':');
        if (!folders.Any(folder => File.Exists(Path.Combine(folder, program))))
        {
            throw new BenchException($"{program} was not found ({why})");
        }
    }
}
