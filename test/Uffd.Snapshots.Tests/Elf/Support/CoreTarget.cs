using System.Diagnostics;
using System.Globalization;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>A process with known content that stands (test/native/coretarget.c), stopped by SIGSTOP.</summary>
internal sealed class CoreTarget : IDisposable
{
    public const int Threads = 5;

    private static readonly Lazy<string> BuiltProgram = new(
        () => NativeCompiler.Build("coretarget", ["coretarget.c"], "-g", "-fno-omit-frame-pointer"), LazyThreadSafetyMode.PublicationOnly);

    private readonly Process _process;

    private CoreTarget(Process process, string mappedFile)
    {
        _process = process;
        MappedFile = mappedFile;
    }

    public static string Program => BuiltProgram.Value;

    public int ProcessId => _process.Id;

    /// <summary>What it has a private mapping of.</summary>
    public string MappedFile { get; }

    /// <summary>Where its patterns lie, by the names that it gives them.</summary>
    public Dictionary<string, AddressRange> Patterns { get; } = new(StringComparer.Ordinal);

    public static CoreTarget Start(TemporaryFolder folder)
    {
        // Its limit of core files is lifted for those tests that let it crash; the shell becomes the target.
        string mapped = folder.File("mapped");
        byte[] content = new byte[8 * Environment.SystemPageSize];
        new Random(5).NextBytes(content);
        File.WriteAllBytes(mapped, content);
        var start = new ProcessStartInfo(
            "sh", ["-c", "ulimit -c unlimited; exec \"$@\"", "sh", Program, mapped, Threads.ToString(CultureInfo.InvariantCulture)])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = folder.Path,
        };
        start.Environment["GLIBC_TUNABLES"] = "glibc.pthread.rseq=0"; // through it the kernel writes a thread's CPU into its memory, and other bytes after each stop
        var target = new CoreTarget(Process.Start(start)!, mapped);
        try
        {
            target.ReadPatterns();
            target.Stop();
            return target;
        }
        catch
        {
            target.Dispose();
            throw;
        }
    }

    /// <summary>Whether it stands still, every thread of it.</summary>
    public bool IsStopped() => Directory.GetDirectories($"/proc/{ProcessId}/task").All(task => LetterOf(File.ReadAllText($"{task}/stat")) is 'T' or 't');

    /// <summary>Lets it go on into SIGABRT, with all of its memory in the kernel's core.</summary>
    /// <returns>The core's path.</returns>
    public string Crash(string folder)
    {
        File.WriteAllText($"/proc/{ProcessId}/coredump_filter", "0x33");
        string id = ProcessId.ToString(CultureInfo.InvariantCulture);
        Assert.Equal(0, NativeCompiler.Run("kill", ["-ABRT", id]).ExitCode);
        Assert.Equal(0, NativeCompiler.Run("kill", ["-CONT", id]).ExitCode);
        Assert.True(_process.WaitForExit(TestTime.Scaled(TimeSpan.FromSeconds(20))), "the target does not end");
        string path = Path.Combine(folder, File.Exists(Path.Combine(folder, "core")) ? "core" : $"core.{id}");
        Assert.True(File.Exists(path), "the kernel wrote no core");
        return path;
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static char LetterOf(string stat) => stat[stat.LastIndexOf(')') + 2];

    private void ReadPatterns()
    {
        for (string? line = Read(); !string.Equals(line, "ready", StringComparison.Ordinal); line = Read())
        {
            string[] words = (line ?? throw new InvalidOperationException("coretarget ended")).Split(' ');
            Patterns.Add(words[0], new AddressRange(Hex(words[1]), Hex(words[2])));
        }
    }

    private string? Read() => _process.StandardOutput.ReadLineAsync().WaitAsync(TestTime.Scaled(TimeSpan.FromSeconds(20))).GetAwaiter().GetResult();

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Threads that wait in the kernel have told so before they did: the barrier is passed, and each stands in its call or its loop soon.</summary>
    private void Stop()
    {
        string tasks = $"/proc/{ProcessId}/task";
        Await(() => Directory.GetDirectories(tasks).Length == Threads + 1
            && Directory.GetDirectories(tasks).Count(task => LetterOf(File.ReadAllText($"{task}/stat")) == 'S') == 1 + (Threads / 2)
            && Directory.GetDirectories(tasks).Count(task => File.ReadAllText($"{task}/wchan").Contains("pipe", StringComparison.Ordinal)) >= Threads / 2);
        Assert.Equal(0, NativeCompiler.Run("kill", ["-STOP", ProcessId.ToString(CultureInfo.InvariantCulture)]).ExitCode);
        Await(IsStopped);
    }

    private static void Await(Func<bool> condition)
        => Assert.True(SpinWait.SpinUntil(condition, TestTime.Scaled(TimeSpan.FromSeconds(20))), "the target does not stand");
}
