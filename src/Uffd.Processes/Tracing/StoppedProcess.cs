namespace Uffd.Processes;

/// <summary>A process whose threads all stand.</summary>
public sealed class StoppedProcess
{
    internal StoppedProcess()
    {
    }

    /// <summary>How many threads stand: all that the process has.</summary>
    public int ThreadCount => throw new NotSupportedException();

    /// <summary>Reads a thread's registers. Allocates nothing.</summary>
    /// <param name="index">Which, from 0; the process's first thread comes first if it lives.</param>
    /// <param name="registers">Receives them.</param>
    /// <returns><see cref="Errno.None"/>, or why not: ESRCH when the process was killed.</returns>
    public Errno ReadRegisters(int index, ThreadRegisters registers) => throw new NotSupportedException();
}
