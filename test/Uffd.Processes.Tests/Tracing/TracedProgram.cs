using System.Diagnostics;
using System.Globalization;

namespace Uffd.Processes.Tests.Tracing;

/// <summary>A process to be traced, which ends with the test: one that checks itself (test/native/traceeself.c), or any other.</summary>
internal sealed class TracedProgram : IDisposable
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(30));
    private static readonly Lazy<string> Dynamic = new(() => NativeCompiler.Build("traceeself", ["traceeself.c"]), LazyThreadSafetyMode.PublicationOnly);
    private static readonly Lazy<string> Static = new(() => NativeCompiler.Build("traceeself", ["traceeself.c"], "-static"), LazyThreadSafetyMode.PublicationOnly);

    // The target is a grandchild: .NET may take a stop of a traced child for its end, where another child ends at the same moment.
    private const string Launcher = "exec 3<&0; sh -c 'echo $$; exec \"$@\"' sh \"$@\" <&3 3<&- & exec 0<&- 1>&- 3<&-; wait";

    private readonly Process _process;
    private readonly ProcessHandle _handle;

    private TracedProgram(string file, IEnumerable<string> arguments, bool isOwnChild = false)
    {
        string[] started = isOwnChild ? [file, .. arguments] : ["sh", "-c", Launcher, "sh", file, .. arguments];
        var start = new ProcessStartInfo(started[0], started[1..]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start");
        Id = isOwnChild ? _process.Id : int.Parse(Read(), CultureInfo.InvariantCulture);
        _handle = ProcessHandle.TryOpen(Id) ?? throw new InvalidOperationException($"{file} ended at once");
    }

    public int Id { get; }

    public bool HasExited => _handle.HasExited;

    /// <summary>How many descriptors are open in it, as seen from outside.</summary>
    public int DescriptorCount => Directory.GetFileSystemEntries($"/proc/{Id}/fd").Length;

    /// <summary>Whether a userfaultfd is open in it: programs that are just starting open and close others all the while.</summary>
    public bool HasUserfaultfd => Directory.GetFileSystemEntries($"/proc/{Id}/fd").Any(path => new FileInfo(path).LinkTarget is "anon_inode:[userfaultfd]");

    /// <summary>Whether anybody traces any of its threads.</summary>
    public bool IsTraced => Directory.GetDirectories($"/proc/{Id}/task").Any(task => ReadLine($"{task}/status", "TracerPid:") is { } line && !string.Equals(line, "0", StringComparison.Ordinal));

    /// <summary>Its memory that is present, in KiB.</summary>
    public long ResidentKiB => long.Parse(ReadLine($"/proc/{Id}/status", "VmRSS:")!.Split(' ')[0], CultureInfo.InvariantCulture);

    public static TracedProgram Start(params IEnumerable<string> works) => StartSelf(Dynamic.Value, works);

    /// <summary>Starts it as a child of this very process.</summary>
    public static TracedProgram StartChild(params IEnumerable<string> works)
    {
        var program = new TracedProgram(Dynamic.Value, works, isOwnChild: true);
        Assert.StartsWith("ready", program.Read(), StringComparison.Ordinal);
        return program;
    }

    public static TracedProgram StartStatic(params IEnumerable<string> works) => StartSelf(Static.Value, works);

    /// <summary>Starts any program, and waits for a line of it where it is to tell that it is ready.</summary>
    public static TracedProgram StartOther(bool waitsForLine, string file, params IEnumerable<string> arguments)
    {
        var program = new TracedProgram(file, arguments);
        if (waitsForLine)
        {
            program.Read();
        }

        return program;
    }

    /// <summary>Asks the program, and gives its answer.</summary>
    public string Ask(string command)
    {
        Send(command);
        return Read();
    }

    /// <summary>Asks the program, which may be unable to answer yet.</summary>
    public void Send(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
    }

    /// <summary>Fails if the program has seen anything that should not have been, and waits until every thread has gone on.</summary>
    public void AssertUnharmed(bool isFirstGone = false)
    {
        long[] before = Passes();
        long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (true)
        {
            string answer = Ask("check");
            Assert.True(answer.StartsWith("ok ", StringComparison.Ordinal), answer);
            if (Passes().Zip(before).Skip(isFirstGone ? 1 : 0).All(pair => pair.First > pair.Second))
            {
                return;
            }

            Assert.True(Environment.TickCount64 < deadline, $"a thread does not go on: {string.Join(' ', before)}, then {string.Join(' ', Passes())}");
            Thread.Sleep(1);
        }
    }

    /// <summary>How often each thread has gone through its work.</summary>
    public long[] Passes() => [.. Ask("count").Split(' ').Skip(1).Select(word => long.Parse(word, CultureInfo.InvariantCulture))];

    public char State(int? thread = null)
    {
        string text = File.ReadAllText($"/proc/{Id}/task/{thread ?? Id}/stat");
        return text[text.LastIndexOf(')') + 2];
    }

    public void Kill() => _handle.Kill();

    public void Signal(string name) => Assert.Equal(0, NativeCompiler.Run("kill", [$"-{name}", Id.ToString(CultureInfo.InvariantCulture)]).ExitCode);

    public void Dispose()
    {
        _handle.Kill();
        Assert.True(_process.WaitForExit(Patience), "the target did not end");
        _process.Dispose();
        _handle.Dispose();
    }

    private static TracedProgram StartSelf(string file, IEnumerable<string> works)
    {
        var program = new TracedProgram(file, works);
        Assert.StartsWith("ready", program.Read(), StringComparison.Ordinal);
        return program;
    }

    private static string? ReadLine(string path, string name)
        => TargetFiles.TryReadText(path)?.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim();

    /// <summary>Reads a line of the program.</summary>
    public string Read()
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(Patience), "the target does not answer");
        return line.Result ?? throw new InvalidOperationException("the target ended");
    }
}
