using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>
/// Reads and writes another process's memory (process_vm_readv(2); /proc/PID/mem where a mapping's own permissions would refuse, which
/// a debugger may pass over). Bound to one process: when its id is reused, or it replaces its program, calls fail instead of reading a stranger's.
/// </summary>
/// <remarks>
/// The binding is the descriptor of /proc/PID/mem: it belongs to the memory that the process had when it was opened, whoever bears the id later. When the last
/// thread that used that memory has ended or has replaced its program (execve(2)), reading it answers "the end", which no address of living memory does (an
/// unmapped one is EIO). process_vm_readv goes by the id, so each read through it is believed only once the descriptor was asked afterwards.
/// </remarks>
public sealed unsafe class ProcessMemory : IDisposable
{
    /// <summary>UIO_MAXIOV.</summary>
    private const int MaximumRanges = 1024;

    /// <summary>The most that one call transfers (MAX_RW_COUNT is 2 GiB less a page): far less is as fast, and can be interrupted.</summary>
    private const ulong MaximumCall = 1UL << 30;

    /// <summary>How much is read through /proc/PID/mem, which copies twice, before the quick way is tried again.</summary>
    private const int SlowStep = 1 << 20;

    private readonly SafeDescriptorHandle _memory;
    private readonly int _threadId;
    private bool _slowOnly;

    private ProcessMemory(SafeDescriptorHandle memory, int processId, int threadId)
    {
        _memory = memory;
        ProcessId = processId;
        _threadId = threadId;
    }

    /// <summary>The process's id at the time of opening.</summary>
    public int ProcessId { get; }

    /// <summary>
    /// Whether the memory is still in use: false once the process has ended or replaced its program. A process that shares its memory with another
    /// (vfork(2), CLONE_VM) counts for both.
    /// </summary>
    public bool IsAlive
    {
        get
        {
            byte one = 0;
            return ProcFile.ReadOnce(_memory, new Span<byte>(ref one), 0) != 0;
        }
    }

    /// <summary>Opens the memory of a process.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ESRCH: no such process, or one that has ended and waits for its parent; EACCES or EPERM: no ptrace rights over it.</exception>
    public static ProcessMemory Open(int processId)
    {
        SafeDescriptorHandle memory = ProcFile.OpenOfMemory(processId, "mem", DescriptorAbi.O_RDWR, out int threadId);
        var opened = new ProcessMemory(memory, processId, threadId);
        if (!opened.IsAlive)
        {
            memory.Dispose();
            throw opened.Gone();
        }

        return opened;
    }

    /// <summary>Reads as much as can be read without a gap.</summary>
    /// <param name="address">Where in the process.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <returns>How many bytes were read from the beginning: less than asked where the next page cannot be read.</returns>
    /// <exception cref="UffdException">ESRCH: the process is gone, or has replaced its program.</exception>
    public int Read(ulong address, Span<byte> destination)
    {
        ulong length = Math.Min((ulong)destination.Length, ulong.MaxValue - address);
        var range = new AddressRange(address, length);
        return (int)Read(new ReadOnlySpan<AddressRange>(ref range), destination);
    }

    /// <summary>
    /// Reads many ranges, one behind the other, into one buffer, in as few calls as possible. Allocates nothing: it is used while the process stands.
    /// </summary>
    /// <param name="ranges">Where in the process; whole pages are quickest.</param>
    /// <param name="destination">As long as all of them, or longer.</param>
    /// <returns>How many bytes were read from the beginning: less than asked where the next page cannot be read (unmapped, or lost). Go on behind it.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    /// <exception cref="UffdException">ESRCH: the process is gone, or has replaced its program.</exception>
    public long Read(ReadOnlySpan<AddressRange> ranges, Span<byte> destination)
    {
        ulong room = (ulong)destination.Length;
        foreach (AddressRange range in ranges)
        {
            room = range.Length <= room ? room - range.Length : throw new ArgumentException("the destination is shorter than the ranges", nameof(destination));
        }

        fixed (byte* buffer = destination) // pinned for all calls, which write no further than the sum of the ranges
        {
            return ReadInto(ranges, buffer);
        }
    }

    /// <summary>Writes bytes, also where the mapping is not writable (a copy is made then, as a debugger's breakpoint would).</summary>
    /// <param name="address">Where in the process.</param>
    /// <param name="bytes">The bytes.</param>
    /// <exception cref="UffdException">They could not all be written: EIO where nothing is mapped, or the kernel does not allow it there (a shared mapping of a file that is not writable).</exception>
    public void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* source = bytes) // pinned for the calls, and never longer than it
        {
            for (int done = 0; done < bytes.Length;)
            {
                nint answer = LibC.PWrite(_memory, source + done, (nuint)(bytes.Length - done), unchecked((long)(address + (ulong)done)));
                Errno errno = Kernel.LastErrno;
                if (answer == 0)
                {
                    throw Gone();
                }

                if (answer < 0 && errno != Errno.EINTR)
                {
                    throw new UffdException(string.Create(CultureInfo.InvariantCulture, $"write of process {ProcessId} at {address + (ulong)done:x}"), errno);
                }

                done += (int)Math.Max(answer, 0);
            }
        }
    }

    /// <summary>Closes it; the process goes on.</summary>
    public void Dispose() => _memory.Dispose();

    private long ReadInto(ReadOnlySpan<AddressRange> ranges, byte* buffer)
    {
        iovec* remote = stackalloc iovec[MaximumRanges];
        ulong done = 0;
        int index = 0;
        ulong within = 0;
        bool believed = true;
        while (true)
        {
            ulong asked = Gather(ranges, index, within, remote, out int count);
            if (asked == 0)
            {
                break;
            }

            ulong got = _slowOnly ? 0 : ReadQuick(buffer + done, remote, count, asked);
            if (got > 0)
            {
                believed = false;
            }
            else
            {
                got = ReadSlow(buffer + done, remote[0]);
                if (got == 0)
                {
                    break;
                }
            }

            done += got;
            Advance(ranges, ref index, ref within, got);
        }

        return believed || IsAlive ? (long)done : throw Gone();
    }

    /// <summary>The next ranges, as many as go into one call.</summary>
    private static ulong Gather(ReadOnlySpan<AddressRange> ranges, int index, ulong within, iovec* remote, out int count)
    {
        ulong asked = 0;
        count = 0;
        for (; index < ranges.Length && count < MaximumRanges && asked < MaximumCall; index++, within = 0)
        {
            ulong length = Math.Min(ranges[index].Length - within, MaximumCall - asked);
            if (length > 0)
            {
                remote[count++] = new iovec { iov_base = (void*)(ranges[index].Start + within), iov_len = (nuint)length };
                asked += length;
            }
        }

        return asked;
    }

    private static void Advance(ReadOnlySpan<AddressRange> ranges, ref int index, ref ulong within, ulong by)
    {
        while (by > 0)
        {
            ulong step = Math.Min(by, ranges[index].Length - within);
            by -= step;
            within += step;
            if (within == ranges[index].Length)
            {
                index++;
                within = 0;
            }
        }
    }

    /// <summary>0: nothing could be read this way, and the slow one is to tell why.</summary>
    private ulong ReadQuick(byte* buffer, iovec* remote, int count, ulong asked)
    {
        var local = new iovec { iov_base = buffer, iov_len = (nuint)asked };
        nint answer;
        do
        {
            answer = LibC.ProcessVmReadv(_threadId, &local, 1, remote, (nuint)count, 0);
        }
        while (answer < 0 && Kernel.LastErrno == Errno.EINTR);

        // EFAULT is of this place. Anything else is of the call: a seccomp filter, rights that were lost, a first thread that has ended. The descriptor stays good.
        _slowOnly |= answer < 0 && Kernel.LastErrno != Errno.EFAULT;
        return answer > 0 ? (ulong)answer : 0;
    }

    /// <summary>Reads through /proc/PID/mem (FOLL_FORCE). 0: the page cannot be read at all.</summary>
    private ulong ReadSlow(byte* buffer, iovec range)
    {
        nint answer = ProcFile.ReadOnce(_memory, new Span<byte>(buffer, (int)Math.Min(range.iov_len, SlowStep)), unchecked((long)range.iov_base));
        return answer > 0 ? (ulong)answer : answer < 0 ? 0UL : throw Gone();
    }

    private UffdException Gone()
        => new(string.Create(CultureInfo.InvariantCulture, $"memory of process {ProcessId}"), Errno.ESRCH, "it has ended, or replaced its program");
}
