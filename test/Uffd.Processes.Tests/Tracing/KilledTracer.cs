using System.Diagnostics;
using System.Globalization;

namespace Uffd.Processes.Tests.Tracing;

/// <summary>Runs the program that is killed while it traces (test/Uffd.Processes.Killed).</summary>
internal static class KilledTracer
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(60));

    public static string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "Uffd.Processes.Killed");

    /// <summary>Runs it to its end.</summary>
    /// <returns>Its first line, and whether it was killed.</returns>
    public static (string Line, bool Killed) Run(string command, int target, int? step = null)
    {
        using Process process = Begin(command, target, step);
        string line = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(Patience), "the tracer did not end");
        return (line.Trim(), process.ExitCode == 128 + 9);
    }

    /// <summary>Starts it.</summary>
    public static Process Begin(string command, int target, int? step = null)
    {
        string[] arguments = [command, target.ToString(CultureInfo.InvariantCulture), .. step is { } number ? [number.ToString(CultureInfo.InvariantCulture)] : (string[])[]];
        var start = new ProcessStartInfo(Path, arguments) { UseShellExecute = false, RedirectStandardOutput = true };
        return Process.Start(start) ?? throw new InvalidOperationException("the tracer did not start");
    }
}
