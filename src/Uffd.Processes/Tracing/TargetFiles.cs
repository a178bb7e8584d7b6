using System.Globalization;
using System.Runtime.CompilerServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>The files under /proc that a tracer reads of a process, opened before anything stops: its memory and the list of its threads.</summary>
internal sealed unsafe class TargetFiles : IDisposable
{
    private const int EntriesLength = 64 * 1024;
    private readonly SafeDescriptorHandle _memory;
    private readonly SafeDescriptorHandle _tasks;
    private readonly byte[] _entries = GC.AllocateArray<byte>(EntriesLength, pinned: true);
    private readonly nint _tasksNumber;
    private bool _tasksHeld;

    public TargetFiles(int processId)
    {
        ProcessId = processId;
        _tasks = Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task"), processId, DescriptorAbi.O_RDONLY);
        try
        {
            _tasks.DangerousAddRef(ref _tasksHeld);
            _tasksNumber = _tasks.DangerousGetHandle();
            ThreadId = FindLivingThread() ?? throw Tracee.Ended(processId);
            _memory = Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task/{ThreadId}/mem"), processId, DescriptorAbi.O_RDWR);
        }
        catch
        {
            Release();
            throw;
        }
    }

    public int ProcessId { get; }

    /// <summary>A thread that lived when this was made: the first one, or another where that has ended and has no memory, maps or descriptors any more.</summary>
    public int ThreadId { get; }

    /// <summary>Reads memory of the process.</summary>
    /// <param name="address">Where.</param>
    /// <param name="destination">Filled whole.</param>
    /// <returns>Whether all of it could be read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryRead(ulong address, Span<byte> destination)
    {
        fixed (byte* bytes = destination) // pinned for the call, and never longer than it
        {
            return address <= long.MaxValue && LibC.PRead(_memory, bytes, (nuint)destination.Length, (long)address) == destination.Length;
        }
    }

    /// <summary>Writes memory of the process, which grows its stack where that is the place.</summary>
    /// <param name="address">Where.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether all of it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryWrite(ulong address, ReadOnlySpan<byte> source)
    {
        fixed (byte* bytes = source) // pinned for the call, and never longer than it
        {
            return address <= long.MaxValue && LibC.PWrite(_memory, bytes, (nuint)source.Length, (long)address) == source.Length;
        }
    }

    /// <summary>Lists the process's threads, those that have ended and are not forgotten too. Allocates nothing.</summary>
    /// <param name="threads">Receives their ids.</param>
    /// <param name="count">How many there are: more than there is room for, where there is too little.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Errno ListThreads(Span<int> threads, out int count)
    {
        count = 0;
        LibC.LSeek(_tasks, 0, 0);
        fixed (byte* entries = _entries)
        {
            while (true)
            {
                int length = (int)LibC.SyscallGetDents(PtraceAbi.SYS_getdents64, _tasksNumber, entries, EntriesLength);
                if (length <= 0)
                {
                    return length == 0 ? Errno.None : Kernel.LastErrno;
                }

                // struct linux_dirent64: inode 8, offset 8, length 2, type 1, name.
                for (int offset = 0; offset < length; offset += *(ushort*)(entries + offset + 16))
                {
                    int thread = Number(entries + offset + 19);
                    if (thread > 0)
                    {
                        if (count < threads.Length)
                        {
                            threads[count] = thread;
                        }

                        count++;
                    }
                }
            }
        }
    }

    /// <summary>The state letter of a thread (proc_pid_stat(5)): Z and X have ended. Null where there is no such thread.</summary>
    /// <param name="thread">Its id.</param>
    public char? ReadState(int thread)
    {
        string? text = TryReadText(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/task/{thread}/stat"));
        int end = text?.LastIndexOf(')') ?? -1; // the name before it may hold anything
        return end >= 0 && text!.Length > end + 2 ? text[end + 2] : null;
    }

    /// <summary>Where a thread waits in the kernel, for messages.</summary>
    /// <param name="thread">Its id.</param>
    public string DescribeWait(int thread)
    {
        string? place = TryReadText(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/task/{thread}/wchan"));
        string state = ReadState(thread)?.ToString() ?? "gone";
        return place is null or "" or "0" ? $"state {state}" : $"state {state}, in {place}";
    }

    /// <summary>The text of a file of /proc, or null where it cannot be read.</summary>
    /// <param name="path">Its path.</param>
    public static string? TryReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        Release();
        _memory.Dispose();
    }

    /// <summary>The first thread if it lives, or another.</summary>
    /// <returns>Null where the process has ended.</returns>
    public int? FindLivingThread()
    {
        if (ReadState(ProcessId) is { } state and not ('Z' or 'X'))
        {
            return ProcessId;
        }

        int[] threads = new int[256];
        if (ListThreads(threads, out int count) == Errno.None)
        {
            foreach (int thread in threads.AsSpan(0, Math.Min(count, threads.Length)))
            {
                if (ReadState(thread) is not (null or 'Z' or 'X'))
                {
                    return thread;
                }
            }
        }

        return null;
    }

    private void Release()
    {
        if (_tasksHeld)
        {
            _tasksHeld = false;
            _tasks.DangerousRelease();
        }

        _tasks.Dispose();
    }

    private static SafeDescriptorHandle Open(string path, int processId, int access)
    {
        nint descriptor = LibC.Open(path, access | DescriptorAbi.O_CLOEXEC);
        Errno errno = Kernel.LastErrno;
        return descriptor >= 0 ? new SafeDescriptorHandle(descriptor)
            : errno is Errno.ENOENT or Errno.ESRCH ? throw Tracee.Ended(processId)
            : throw new UffdException($"open of {path}", errno, errno is Errno.EACCES or Errno.EPERM ? "run as its user, or with CAP_SYS_PTRACE" : null)
            {
                IsUnavailable = errno is Errno.EACCES or Errno.EPERM,
            };
    }

    private static int Number(byte* digits)
    {
        int number = 0;
        for (; *digits is >= (byte)'0' and <= (byte)'9'; digits++)
        {
            number = (number * 10) + (*digits - '0');
        }

        return *digits == 0 ? number : 0;
    }
}
