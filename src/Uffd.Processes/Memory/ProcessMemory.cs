namespace Uffd.Processes;

/// <summary>
/// Reads and writes another process's memory (process_vm_readv(2); /proc/PID/mem where a mapping's own permissions would refuse, which
/// a debugger may pass over). Bound to one process: when its id is reused, or it replaces its program, calls fail instead of reading a stranger's.
/// </summary>
public sealed class ProcessMemory : IDisposable
{
    private ProcessMemory()
    {
    }

    /// <summary>Opens the memory of a process.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES or EPERM: no ptrace rights over it.</exception>
    public static ProcessMemory Open(int processId) => throw new NotSupportedException();

    /// <summary>Reads as much as can be read without a gap.</summary>
    /// <param name="address">Where in the process.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <returns>How many bytes were read from the beginning: less than asked where the next page cannot be read.</returns>
    /// <exception cref="UffdException">ESRCH: the process is gone; EPERM.</exception>
    public int Read(ulong address, Span<byte> destination) => throw new NotSupportedException();

    /// <summary>
    /// Reads many ranges, one behind the other, into one buffer, in as few calls as possible. Allocates nothing: it is used while the process stands.
    /// </summary>
    /// <param name="ranges">Where in the process; whole pages.</param>
    /// <param name="destination">As long as all of them.</param>
    /// <returns>How many bytes were read from the beginning: less than asked where the next page cannot be read (unmapped, or lost). Go on behind it.</returns>
    /// <exception cref="UffdException">ESRCH: the process is gone; EPERM.</exception>
    public long Read(ReadOnlySpan<AddressRange> ranges, Span<byte> destination) => throw new NotSupportedException();

    /// <summary>Writes bytes, also where the mapping is not writable (a copy is made then, as a debugger's breakpoint would).</summary>
    /// <param name="address">Where in the process.</param>
    /// <param name="bytes">The bytes.</param>
    /// <exception cref="UffdException">They could not all be written.</exception>
    public void Write(ulong address, ReadOnlySpan<byte> bytes) => throw new NotSupportedException();

    /// <summary>Closes it; the process goes on.</summary>
    public void Dispose()
    {
    }
}
