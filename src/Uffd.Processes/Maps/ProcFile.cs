using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>Files of /proc/PID, read whole. The kernel makes their text while it is read: it has no length before.</summary>
internal static unsafe class ProcFile
{
    /// <summary>More than a process with as many mappings as a system may allow: what is longer is no such file.</summary>
    public const int MaximumLength = 1 << 30;

    /// <summary>What helps where /proc refuses.</summary>
    public const string PermissionRemedy = "run as root, as the owner of the process, or with CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE ...)";

    /// <summary>The path of a process's file.</summary>
    public static string PathOf(int processId, string name) => string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/{name}");

    /// <summary>
    /// Opens a file that shows a process's memory. When the first thread of a process has ended before others (pthread_exit in main), its own files are
    /// empty, and those of any thread that lives show the same memory.
    /// </summary>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES: no ptrace rights over it.</exception>
    public static SafeDescriptorHandle OpenOfMemory(int processId, string name, int flags, out int threadId)
    {
        threadId = processId;
        string path = PathOf(processId, name);
        SafeDescriptorHandle? first = TryOpen(path, flags, out Errno errno);
        if (first is not null && !IsEmpty(first))
        {
            return first;
        }

        foreach (int thread in ThreadsOf(processId).Where(thread => thread != processId))
        {
            SafeDescriptorHandle? other = TryOpen(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task/{thread}/{name}"), flags, out _);
            if (other is not null && !IsEmpty(other))
            {
                first?.Dispose();
                threadId = thread;
                return other;
            }

            other?.Dispose();
        }

        return first ?? throw Failure(path, processId, errno);
    }

    /// <summary>The threads that a process has now; none when it is gone or hidden.</summary>
    public static IReadOnlyList<int> ThreadsOf(int processId)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(PathOf(processId, "task"))
                .Select(path => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out int thread) ? thread : 0)
                .Where(thread => thread > 0)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Reads from the beginning until the end, and makes the buffer longer where it must.</summary>
    /// <returns>How many bytes of the buffer hold.</returns>
    /// <exception cref="UffdException">The process is gone in the middle, or the text is too long to be true.</exception>
    public static int ReadAll(SafeDescriptorHandle file, ref byte[] buffer, string what)
    {
        int length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= MaximumLength)
                {
                    throw new InvalidDataException($"{what} is longer than {MaximumLength >> 20} MiB");
                }

                Array.Resize(ref buffer, Math.Max(64 * 1024, Math.Min(buffer.Length * 2, MaximumLength)));
            }

            nint answer = ReadOnce(file, buffer.AsSpan(length), length);
            if (answer < 0)
            {
                throw new UffdException($"read of {what}", Kernel.LastErrno);
            }

            if (answer == 0)
            {
                return length;
            }

            length += (int)answer;
        }
    }

    /// <summary>Reads once, at an offset, again after a signal.</summary>
    public static nint ReadOnce(SafeDescriptorHandle file, Span<byte> destination, long offset)
    {
        fixed (byte* buffer = destination) // pinned for the call, and never longer than it
        {
            nint answer;
            do
            {
                answer = LibC.PRead(file, buffer, (nuint)destination.Length, offset);
            }
            while (answer < 0 && Kernel.LastErrno == Errno.EINTR);

            return answer;
        }
    }

    /// <summary>The exception for a file of a process that could not be opened.</summary>
    public static UffdException Failure(string path, int processId, Errno errno) => errno switch
    {
        Errno.ENOENT or Errno.ESRCH => new UffdException(string.Create(CultureInfo.InvariantCulture, $"process {processId}"), Errno.ESRCH, "there is no such process"),
        Errno.EACCES or Errno.EPERM => new UffdException($"open of {path}", errno, PermissionRemedy) { IsUnavailable = true },
        _ => new UffdException($"open of {path}", errno),
    };

    private static SafeDescriptorHandle? TryOpen(string path, int flags, out Errno errno)
    {
        int descriptor = LibC.Open(path, flags | DescriptorAbi.O_CLOEXEC);
        errno = descriptor < 0 ? Kernel.LastErrno : Errno.None;
        return descriptor < 0 ? null : new SafeDescriptorHandle(descriptor);
    }

    /// <summary>Whether there is no memory behind it: the end comes at once. Address 0 of /proc/PID/mem is an error instead where memory is.</summary>
    private static bool IsEmpty(SafeDescriptorHandle file)
    {
        byte one = 0;
        return ReadOnce(file, new Span<byte>(ref one), 0) == 0;
    }
}
