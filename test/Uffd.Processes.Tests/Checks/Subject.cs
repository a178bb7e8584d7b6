using System.Diagnostics;
using System.Globalization;

namespace Uffd.Processes.Tests;

/// <summary>A process in a state that a word names (test/native/obstacle.c).</summary>
internal sealed class Subject : IDisposable
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly Process _process;
    private readonly TemporaryFolder? _folder;

    private Subject(Process process, TemporaryFolder? folder, ulong[] numbers)
    {
        _process = process;
        _folder = folder;
        Numbers = numbers;
    }

    /// <summary>The process that is in the state; it may be a child of the one that was started.</summary>
    public int ProcessId => (int)Numbers[0];

    /// <summary>What it told when it was ready.</summary>
    public IReadOnlyList<ulong> Numbers { get; }

    public static Subject Start(string state, uint? userId = null, params string[] more) => StartProgram(Program(), userId, [state, .. more]);

    /// <summary>A 32-bit program.</summary>
    public static Subject StartNarrow() => StartProgram(NativeCompiler.Build("narrow", ["narrow.c"], "-m32", "-static", "-nostdlib"), userId: null, []);

    /// <summary>Lets it do what a word says, and waits until it has.</summary>
    public void Do(string word)
    {
        _process.StandardInput.WriteLine(word);
        Assert.Equal(word is "exec" ? "ready" : "done", Line().Split(' ')[0]);
    }

    /// <summary>Kills it and waits for its end.</summary>
    public void Kill()
    {
        _process.Kill();
        Assert.True(_process.WaitForExit(Patience), "it did not end");
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
        _folder?.Dispose();
    }

    private static string Program() => NativeCompiler.Build("obstacle", ["obstacle.c"]);

    private static Subject StartProgram(string program, uint? userId, string[] arguments)
    {
        TemporaryFolder? folder = null;
        if (userId is { } user)
        {
            Requires.Root();
            Requires.Program("setpriv");
            folder = new TemporaryFolder();
            File.SetUnixFileMode(folder.Path, AsUser.ReadableByAll);
            File.Copy(program, folder.File("obstacle"));
            arguments = [.. AsUser.Becoming(user), folder.File("obstacle"), .. arguments];
            program = "setpriv";
        }

        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        var subject = new Subject(Process.Start(start)!, folder, [0]);
        subject._process.StandardInput.AutoFlush = true;
        string[] words = subject.Line().Split(' ');
        Assert.True(words[0] is "ready", string.Join(' ', words));
        return new Subject(subject._process, folder, [.. words.Skip(1).Select(word => ulong.Parse(word, CultureInfo.InvariantCulture))]);
    }

    private string Line()
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(Patience), "it did not answer");
        return line.Result ?? throw new InvalidOperationException("it ended");
    }
}
