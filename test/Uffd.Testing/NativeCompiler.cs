using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Uffd.Testing;

/// <summary>
/// Runs the C compiler; or does without one, where the environment names a folder of programs that were compiled before:
/// UFFD_NATIVE_DIR, filled by eng/build-native.
/// </summary>
public static class NativeCompiler
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Where the C sources of the tests are: copied beside the assemblies by the build.</summary>
    public static string SourceFolder => Path.Combine(AppContext.BaseDirectory, "native");

    /// <summary>Where the compiled programs are, or null where they are compiled when they are needed.</summary>
    public static string? PrebuiltFolder => Environment.GetEnvironmentVariable("UFFD_NATIVE_DIR") is { Length: > 0 } folder ? folder : null;

    /// <summary>The path of a program, or null when it is not installed.</summary>
    /// <param name="program">Its name.</param>
    public static string? Find(string program)
        => (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin")
            .Split(':')
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);

    /// <summary>
    /// Compiles sources of <see cref="SourceFolder"/> into a program or library, once: the result is kept beside the sources
    /// under a name that holds a hash of all that went in. Where there is a <see cref="PrebuiltFolder"/>, it is taken from there.
    /// </summary>
    /// <param name="name">The result's name.</param>
    /// <param name="sources">File names; headers count as sources for the hash.</param>
    /// <param name="options">More options, such as <c>-shared</c>.</param>
    /// <returns>The path of the result.</returns>
    public static string Build(string name, IReadOnlyList<string> sources, params IReadOnlyList<string> options)
    {
        if (PrebuiltFolder is { } folder)
        {
            string prebuilt = Path.Combine(folder, name);
            return File.Exists(prebuilt) ? prebuilt : throw new FileNotFoundException($"UFFD_NATIVE_DIR={folder} has no {name}: fill it with eng/build-native", prebuilt);
        }

        Requires.Compiler();
        string[] arguments = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", .. options];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Join(' ', arguments)));
        foreach (string source in sources)
        {
            hash.AppendData(File.ReadAllBytes(Path.Combine(SourceFolder, source)));
        }

        string result = Path.Combine(SourceFolder, $"{name}-{Convert.ToHexStringLower(hash.GetHashAndReset())[..16]}");
        if (File.Exists(result))
        {
            return result;
        }

        // Others may be doing the same: each compiles to a name of its own, and the first to be ready keeps the place, for its program may be running already.
        string temporary = $"{result}.{Guid.NewGuid():N}";
        string[] units = [.. sources.Where(source => source.EndsWith(".c", StringComparison.Ordinal)).Select(source => Path.Combine(SourceFolder, source))];
        CompilerResult compiled = Run("gcc", [.. arguments, .. units, "-o", temporary]);
        if (compiled.ExitCode != 0)
        {
            throw new InvalidOperationException($"gcc could not compile {name}:\n{compiled.Output}");
        }

        try
        {
            File.Move(temporary, result, overwrite: false);
        }
        catch (IOException) when (File.Exists(result))
        {
            File.Delete(temporary);
        }

        return result;
    }

    /// <summary>Runs a compiler, or another program that ends by itself, and gives its exit code and all it printed.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="TimeoutException">It did not end.</exception>
    public static CompilerResult Run(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill();
            throw new TimeoutException($"{program} did not end within {Patience.TotalSeconds} s");
        }

        return new CompilerResult(process.ExitCode, output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult());
    }
}

/// <summary>What a compiler answered.</summary>
/// <param name="ExitCode">0 when it worked.</param>
/// <param name="Output">All it printed.</param>
public readonly record struct CompilerResult(int ExitCode, string Output);
