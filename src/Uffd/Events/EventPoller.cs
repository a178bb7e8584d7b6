using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>What happened on a polled descriptor.</summary>
[Flags]
public enum PollStates
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>There is something to read.</summary>
    Readable = 1,

    /// <summary>The other side has closed.</summary>
    HungUp = 2,

    /// <summary>The descriptor is in error; a userfaultfd always is when it is blocking, or before its handshake.</summary>
    Error = 4,
}

/// <summary>A descriptor that is ready.</summary>
/// <param name="Token">What it was added with.</param>
/// <param name="States">What is ready.</param>
public readonly record struct PollResult(ulong Token, PollStates States);

/// <summary>
/// Waits for many descriptors at once (epoll(7)), with a timeout, an optional short spin before it sleeps, and a way for
/// other threads to wake it (eventfd(2)). One thread waits; any may add, remove and wake. Waiting allocates nothing.
/// </summary>
public sealed unsafe class EventPoller : IDisposable
{
    private const ulong WakeToken = ulong.MaxValue;
    private const int MaxBatch = 64;

    private static readonly int Stride = RuntimeInformation.ProcessArchitecture == Architecture.X64
        ? sizeof(epoll_event_x86_64)
        : sizeof(epoll_event_arm64);

    private static readonly int DataOffset = Stride - sizeof(ulong);

    private readonly SafeDescriptorHandle _epoll;
    private readonly SafeDescriptorHandle _wake;
    private readonly byte* _events; // native: the kernel writes it while we wait
    private int _wakePending;
    private bool _disposed;

    /// <summary>Creates a poller.</summary>
    /// <exception cref="UffdException">No descriptor is left.</exception>
    public EventPoller()
    {
        _epoll = Kernel.Own(LibC.EpollCreate(DescriptorAbi.EPOLL_CLOEXEC), "epoll_create1");
        try
        {
            _wake = Kernel.Own(LibC.EventFd(0, DescriptorAbi.EFD_CLOEXEC | DescriptorAbi.EFD_NONBLOCK), "eventfd");
            _events = (byte*)NativeMemory.AlignedAlloc((nuint)(MaxBatch * Stride), 64);
            Add(_wake, WakeToken);
        }
        catch
        {
            _wake?.Dispose();
            _epoll.Dispose();
            throw;
        }
    }

    /// <summary>Waits for this descriptor too.</summary>
    /// <param name="descriptor">Not owned; remove it before it is closed.</param>
    /// <param name="token">What to be told when it is ready; any value but the largest.</param>
    public void Add(SafeHandle descriptor, ulong token)
    {
        byte* entry = stackalloc byte[Stride];
        Unsafe.WriteUnaligned(entry, DescriptorAbi.EPOLLIN | DescriptorAbi.EPOLLRDHUP);
        Unsafe.WriteUnaligned(entry + DataOffset, token);
        if (LibC.EpollControl(_epoll, DescriptorAbi.EPOLL_CTL_ADD, descriptor, entry) != 0)
        {
            throw Kernel.Failure("epoll_ctl(ADD)");
        }
    }

    /// <summary>Waits for it no longer. A descriptor that is not there is no error.</summary>
    /// <param name="descriptor">As it was added.</param>
    public void Remove(SafeHandle descriptor)
    {
        byte* entry = stackalloc byte[Stride]; // kernels before 2.6.9 want one; harmless
        _ = LibC.EpollControl(_epoll, DescriptorAbi.EPOLL_CTL_DEL, descriptor, entry);
    }

    /// <summary>
    /// Makes the current or the next <see cref="Wait"/> return. Wakes are not counted: many are as one. On a poller that was
    /// disposed it does nothing.
    /// </summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _wakePending, 1) != 0)
        {
            return;
        }

        try
        {
            ulong one = 1;
            _ = LibC.Write(_wake, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // Nobody waits any more.
        }
    }

    /// <summary>Waits until a descriptor is ready, somebody wakes, or the time is up.</summary>
    /// <param name="ready">Receives what is ready; at most 64 at once.</param>
    /// <param name="timeout">How long, in whole milliseconds rounded up; <see cref="Timeout.InfiniteTimeSpan"/> for ever, anything else below zero not at all.</param>
    /// <param name="spin">How long to ask again and again before sleeping; costs a CPU for that long. Default none.</param>
    /// <returns>How many are ready: 0 when woken, interrupted or timed out.</returns>
    public int Wait(Span<PollResult> ready, TimeSpan timeout, TimeSpan spin = default)
    {
        if (spin > TimeSpan.Zero && TrySpin(ready, spin, out int found))
        {
            return found;
        }

        // To the kernel any negative number is for ever; a deadline that has passed is none.
        ObjectDisposedException.ThrowIf(_disposed, this);
        int milliseconds = timeout == Timeout.InfiniteTimeSpan ? -1 : (int)Math.Clamp(Math.Ceiling(timeout.TotalMilliseconds), 0, int.MaxValue);
        return Take(ready, LibC.EpollWait(_epoll, _events, Math.Min(ready.Length, MaxBatch), milliseconds));
    }

    /// <summary>Asks again and again whether a descriptor is ready or somebody has woken. Costs a CPU for that long.</summary>
    /// <param name="ready">Receives what is ready; at most 64 at once.</param>
    /// <param name="time">How long at most.</param>
    /// <param name="count">How many are ready: 0 also when woken or interrupted.</param>
    /// <returns>False when the time is over and nothing has happened.</returns>
    public bool TrySpin(Span<PollResult> ready, TimeSpan time, out int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int capacity = Math.Min(ready.Length, MaxBatch);
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        int found;
        do
        {
            found = LibC.EpollWait(_epoll, _events, capacity, 0);
        }
        while (found == 0 && System.Diagnostics.Stopwatch.GetElapsedTime(start) < time);

        count = Take(ready, found);
        return found != 0;
    }

    /// <summary>Closes it. What was added stays open.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _wake.Dispose();
            _epoll.Dispose();
            NativeMemory.AlignedFree(_events);
        }
    }

    private int Take(Span<PollResult> ready, int count)
    {
        if (count < 0)
        {
            Errno errno = Kernel.LastErrno;
            return errno == Errno.EINTR ? 0 : throw new UffdException("epoll_wait", errno);
        }

        int kept = 0;
        for (int index = 0; index < count; index++)
        {
            byte* entry = _events + (index * Stride);
            ulong token = Unsafe.ReadUnaligned<ulong>(entry + DataOffset);
            if (token == WakeToken)
            {
                DrainWake();
                continue;
            }

            ready[kept++] = new PollResult(token, Translate(Unsafe.ReadUnaligned<uint>(entry)));
        }

        return kept;
    }

    private static PollStates Translate(uint events)
        => ((events & DescriptorAbi.EPOLLIN) != 0 ? PollStates.Readable : 0)
            | ((events & (DescriptorAbi.EPOLLHUP | DescriptorAbi.EPOLLRDHUP)) != 0 ? PollStates.HungUp : 0)
            | ((events & DescriptorAbi.EPOLLERR) != 0 ? PollStates.Error : 0);

    private void DrainWake()
    {
        ulong count;
        _ = LibC.Read(_wake, &count, sizeof(ulong));

        // Cleared after the read: a wake in between is covered by this return. A full fence, because the caller's look at
        // its queue must not move before it.
        Interlocked.Exchange(ref _wakePending, 0);
    }
}
