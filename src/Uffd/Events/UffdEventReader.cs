using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// Reads a userfaultfd's messages in batches into native memory. Reading allocates nothing, except for the child's
/// <see cref="Userfaultfd"/> of a Fork event. Not for use by several threads at once.
/// </summary>
/// <remarks>
/// The kernel hands out waiting page faults before waiting events, even before older ones, and while an event is unread every
/// fill answers EAGAIN: read until nothing is left, apply the events, then serve the faults.
/// </remarks>
public sealed unsafe class UffdEventReader : IDisposable
{
    private readonly Userfaultfd _userfaultfd;
    private readonly uffd_msg* _messages; // native, freed in Dispose: the kernel writes it while no managed object need be pinned
    private Userfaultfd?[]? _forked;
    private bool _disposed;

    /// <summary>Creates a reader.</summary>
    /// <param name="userfaultfd">The userfaultfd to read; not owned.</param>
    /// <param name="capacity">How many messages one read takes at most.</param>
    public UffdEventReader(Userfaultfd userfaultfd, int capacity = 64)
    {
        ArgumentNullException.ThrowIfNull(userfaultfd);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _userfaultfd = userfaultfd;
        Capacity = capacity;
        _messages = (uffd_msg*)NativeMemory.AlignedAlloc((nuint)(capacity * sizeof(uffd_msg)), 64);
    }

    /// <summary>How many messages one read takes at most. A read that returned fewer has left none behind.</summary>
    public int Capacity { get; }

    /// <summary>How many messages the last read brought.</summary>
    public int Count { get; private set; }

    /// <summary>A message of the last read.</summary>
    /// <param name="index">From 0 up to <see cref="Count"/>.</param>
    public UffdEvent this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return new UffdEvent(in _messages[index], _forked?[index]);
        }
    }

    /// <summary>
    /// Reads what waits. On a non-blocking userfaultfd returns 0 when nothing does; on a blocking one waits.
    /// </summary>
    /// <returns>How many messages were read; they stay until the next read.</returns>
    /// <exception cref="UffdException">
    /// EMFILE or ENFILE: a Fork event is next and the child's descriptor does not fit into this process's table. The event
    /// stays, and with it every fill waits: close descriptors or raise the limit, then read again.
    /// </exception>
    public int Read()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        nint bytes;
        Errno errno;
        do
        {
            bytes = LibC.Read(_userfaultfd.Handle, _messages, (nuint)(Capacity * sizeof(uffd_msg)));
            errno = Kernel.LastErrno;
        }
        while (bytes < 0 && errno == Errno.EINTR);

        if (bytes < 0)
        {
            Count = 0;
            return errno == Errno.EAGAIN
                ? 0
                : throw new UffdException("reading a userfaultfd failed", errno, errno is Errno.EMFILE or Errno.ENFILE ? "raise it with: ulimit -n 65536" : null);
        }

        Count = (int)(bytes / sizeof(uffd_msg));
        AdoptForks();
        return Count;
    }

    /// <summary>Frees the buffer. The userfaultfd stays open, and so do children's that were read.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            Count = 0;
            NativeMemory.AlignedFree(_messages);
        }
    }

    /// <summary>The child's descriptor is in our table already: give it an owner before anyone can fail.</summary>
    private void AdoptForks()
    {
        if (_forked is not null)
        {
            Array.Clear(_forked);
        }

        for (int index = 0; index < Count; index++)
        {
            if (_messages[index].event_ == UserfaultfdAbi.UFFD_EVENT_FORK)
            {
                _forked ??= new Userfaultfd?[Capacity];
                _forked[index] = Userfaultfd.FromFork(_messages[index].arg_fork_ufd, _userfaultfd);
            }
        }
    }
}
