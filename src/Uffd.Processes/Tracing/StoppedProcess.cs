namespace Uffd.Processes;

/// <summary>A process whose threads all stand.</summary>
public sealed class StoppedProcess
{
    private readonly ThreadTable _threads;

    internal StoppedProcess(ThreadTable threads) => _threads = threads;

    /// <summary>How many threads stand: all that the process has.</summary>
    public int ThreadCount => _threads.StandingCount;

    /// <summary>Reads a thread's registers. Allocates nothing.</summary>
    /// <param name="index">Which, from 0; the process's first thread comes first if it lives.</param>
    /// <param name="registers">Receives them.</param>
    /// <returns><see cref="Errno.None"/>, or why not: ESRCH when the process was killed.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public Errno ReadRegisters(int index, ThreadRegisters registers)
    {
        ArgumentNullException.ThrowIfNull(registers);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, ThreadCount);
        return registers.Read(_threads.StandingAt(index));
    }
}
