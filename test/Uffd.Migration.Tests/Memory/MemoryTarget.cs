using System.Globalization;

namespace Uffd.Migration.Tests.Memory;

/// <summary>A process that is no child of this one, whose memory changes only when it is told to (test/native/snaptarget.c). It ends with the test at the latest.</summary>
internal sealed class MemoryTarget : IDisposable
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));
    private readonly Grandchild _process;

    public MemoryTarget()
    {
        _process = new Grandchild(NativeCompiler.Build("snaptarget", ["snaptarget.c"]), []);
        Assert.Equal((ulong)ProcessId, Answer());
    }

    /// <summary>Its id.</summary>
    public int ProcessId => _process.ProcessId;

    /// <summary>Gives a command and waits for its answer.</summary>
    public ulong Do(FormattableString command)
    {
        Tell(command);
        return Answer();
    }

    /// <summary>Gives a command and does not wait; numbers become hexadecimal.</summary>
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
    public void Dispose() => _process.Dispose();
}
