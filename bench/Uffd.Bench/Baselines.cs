namespace Uffd.Bench;

/// <summary>The C programs of <c>bench/baselines</c>, compiled.</summary>
internal sealed record Baselines(string Handler, string Toucher, string Bulk, string Spaces, string Parallel)
{
    public static async Task<Baselines> CompileAsync(string directory, CancellationToken cancellation) => new(
        await CompileAsync("handler", directory, cancellation),
        await CompileAsync("toucher", directory, cancellation),
        await CompileAsync("bulk", directory, cancellation),
        await CompileAsync("spaces", directory, cancellation),
        await CompileAsync("parallel", directory, cancellation));

    /// <summary>Compiles one of them.</summary>
    public static Task<string> CompileAsync(string name, string directory, CancellationToken cancellation) => CompileAsync(name, directory, [], cancellation);

    /// <summary>Compiles one that is a library, to be loaded.</summary>
    public static Task<string> CompileLibraryAsync(string name, string directory, CancellationToken cancellation) => CompileAsync(name, directory, ["-shared", "-fPIC"], cancellation);

    private static async Task<string> CompileAsync(string name, string directory, string[] options, CancellationToken cancellation)
    {
        var output = Path.Combine(directory, name);
        var start = Programs.Command(
            "gcc", null, ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", .. options,
            "-o", output, Path.Combine(BuildFacts.BaselinesDirectory, name + ".c")]);
        using var gcc = Programs.Start(
            start, "the C programs that the pager is measured against are compiled on the spot: install gcc");
        var (_, errors) = await Programs.FinishAsync(gcc, null, cancellation);
        return gcc.ExitCode == 0
            ? output
            : throw new BenchException($"gcc could not compile {name}.c: {Programs.FirstLine(errors)}");
    }
}
