using System.Runtime.CompilerServices;

namespace Uffd.Processes;

/// <summary>A process whose threads all stand.</summary>
public sealed class StoppedProcess
{
    private const int NoThread = -1;
    private readonly ThreadTable? _threads;

    internal StoppedProcess(ThreadTable? threads) => _threads = threads;

    /// <summary>
    /// No process at all: one thread whose registers nobody has. Work that is run with it once is compiled before somebody's process stands for it.
    /// </summary>
    public static StoppedProcess Nobody { get; } = new(threads: null);

    /// <summary>How many threads stand: all that the process has.</summary>
    public int ThreadCount => _threads?.StandingCount ?? 1;

    /// <summary>Reads a thread's registers. Allocates nothing.</summary>
    /// <param name="index">Which, from 0; the process's first thread comes first if it lives.</param>
    /// <param name="registers">Receives them.</param>
    /// <returns><see cref="Errno.None"/>, or why not: ESRCH when the process was killed.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Errno ReadRegisters(int index, ThreadRegisters registers)
    {
        ArgumentNullException.ThrowIfNull(registers);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, ThreadCount);
        return registers.Read(_threads?.StandingAt(index) ?? NoThread);
    }
}
