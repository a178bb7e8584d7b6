using System.Diagnostics;
using System.Globalization;

namespace Uffd.Testing;

/// <summary>
/// A program that is not this process's own child, with its standard input and output here: .NET takes the stops of a traced child for its end, so what this process
/// traces must be another's child. It ends with this process at the latest, if it asks for a signal at its parent's death.
/// </summary>
public sealed class Grandchild : IDisposable
{
    // The shell between waits, so that the program has a parent; it holds none of the pipes.
    private const string Launcher = "exec 3<&0; sh -c 'echo $$; exec \"$@\"' sh \"$@\" <&3 3<&- & exec 0<&- 1>&- 3<&-; wait $!";

    private readonly Process _shell;
    private readonly ProcessHandle _handle;

    /// <summary>Starts a program.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="redirectsError">Whether its standard error comes here too.</param>
    public Grandchild(string file, IEnumerable<string> arguments, bool redirectsError = false)
    {
        var start = new ProcessStartInfo("sh", ["-c", Launcher, "sh", file, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = redirectsError,
        };
        _shell = Process.Start(start) ?? throw new InvalidOperationException("sh did not start");
        ProcessId = int.Parse(_shell.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"{file} did not start"), CultureInfo.InvariantCulture);
        _handle = ProcessHandle.TryOpen(ProcessId) ?? throw new InvalidOperationException($"{file} ended at once");
    }

    /// <summary>Its id.</summary>
    public int ProcessId { get; }

    /// <summary>Its standard input.</summary>
    public StreamWriter StandardInput => _shell.StandardInput;

    /// <summary>Its standard output.</summary>
    public StreamReader StandardOutput => _shell.StandardOutput;

    /// <summary>Its standard error.</summary>
    public StreamReader StandardError => _shell.StandardError;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _handle.HasExited;

    /// <summary>What it ended with, as a shell tells it: 128 and the signal's number where it was killed. Waits for it.</summary>
    public async Task<int> WaitForExitAsync(CancellationToken cancellation = default)
    {
        await _shell.WaitForExitAsync(cancellation);
        return _shell.ExitCode;
    }

    /// <summary>Waits for its end.</summary>
    /// <param name="patience">How long.</param>
    /// <returns>Whether it has ended.</returns>
    public bool WaitForExit(TimeSpan patience) => _shell.WaitForExit(patience);

    /// <summary>Kills it, and waits until it is gone.</summary>
    public void Kill()
    {
        _handle.Kill();
        _shell.WaitForExit();
    }

    /// <summary>Kills it.</summary>
    public void Dispose()
    {
        Kill();
        _shell.Dispose();
        _handle.Dispose();
    }
}
