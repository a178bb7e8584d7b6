using System.Globalization;

namespace Uffd.Snapshots.Tests;

/// <summary>A process whose memory changes only when it is told to (test/native/snaptarget.c). It ends with the test at the latest.</summary>
internal sealed class SnapTarget : IDisposable
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));
    private readonly Grandchild _process;

    public SnapTarget()
    {
        _process = new Grandchild("env", ["GLIBC_TUNABLES=glibc.pthread.rseq=0", NativeCompiler.Build("snaptarget", ["snaptarget.c"])]); // else the kernel writes the CPU into its memory
        Assert.Equal((ulong)ProcessId, Answer());
    }

    /// <summary>Its id.</summary>
    public int ProcessId => _process.ProcessId;

    /// <summary>Gives a command and waits for its answer.</summary>
    public ulong Do(FormattableString command)
    {
        Tell(command);
        ulong answer = Answer();
        Assert.True(SpinWait.SpinUntil(IsWaiting, Patience), "the target does not wait for its next command");
        return answer;
    }

    // Between its answer and its next read it still changes the C library's locks, and a new thread its stack and what the linker binds late: read(0) and pause() on x86-64.
    private bool IsWaiting() => Directory.GetDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/task"))
        .Select(task => File.ReadAllText(Path.Combine(task, "syscall")))
        .All(call => call.StartsWith("0 0x0 ", StringComparison.Ordinal) || call.StartsWith("34 ", StringComparison.Ordinal));

    /// <summary>Gives a command that has no answer.</summary>
    public void Tell(FormattableString command)
    {
        object?[] hexadecimal = [.. command.GetArguments().Select(argument => argument is ulong number ? number.ToString("x", CultureInfo.InvariantCulture) : argument)];
        _process.StandardInput.WriteLine(string.Format(CultureInfo.InvariantCulture, command.Format, hexadecimal));
        _process.StandardInput.Flush();
    }

    /// <summary>Waits for an answer.</summary>
    public ulong Answer()
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(Patience), "the target does not answer");
        Assert.True(ulong.TryParse(line.Result, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong number), $"the target answered: {line.Result}");
        return number;
    }

    /// <summary>Waits for its end.</summary>
    public void WaitForExit() => Assert.True(_process.WaitForExit(Patience));

    /// <summary>Kills it.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Ends it.</summary>
    public void Dispose() => _process.Dispose();
}
