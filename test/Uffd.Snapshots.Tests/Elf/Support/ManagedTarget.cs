using System.Diagnostics;
using System.Globalization;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>A .NET process that stands, stopped by SIGSTOP: the tests' own program, which waits for a debugger when it is told to.</summary>
internal sealed class ManagedTarget : IDisposable
{
    private readonly Process _process;

    private ManagedTarget(Process process) => _process = process;

    public int Id => _process.Id;

    public static ManagedTarget Start()
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Uffd.Snapshots.Tests"), ["-waitForDebugger"]) { UseShellExecute = false, RedirectStandardOutput = true };
        start.Environment["DOTNET_GCHeapHardLimit"] = "4000000"; // 64 MiB: less address space to look through
        start.Environment["GLIBC_TUNABLES"] = "glibc.pthread.rseq=0"; // as in CoreTarget
        var target = new ManagedTarget(Process.Start(start)!);
        try
        {
            // Its runtime and its managed code run when it says what it waits for.
            Assert.NotNull(target._process.StandardOutput.ReadLineAsync().WaitAsync(TestTime.Scaled(TimeSpan.FromSeconds(60))).GetAwaiter().GetResult());
            Assert.Equal(0, NativeCompiler.Run("kill", ["-STOP", target.Id.ToString(CultureInfo.InvariantCulture)]).ExitCode);
            string tasks = $"/proc/{target.Id}/task";
            Assert.True(
                SpinWait.SpinUntil(
                    () => Directory.GetDirectories(tasks).Select(task => File.ReadAllText($"{task}/stat")).All(stat => stat[stat.LastIndexOf(')') + 2] == 'T'),
                    TestTime.Scaled(TimeSpan.FromSeconds(20))),
                "it does not stand");
            return target;
        }
        catch
        {
            target.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
