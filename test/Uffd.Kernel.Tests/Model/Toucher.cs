using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd.Kernel.Tests.Model;

/// <summary>
/// A thread that touches a page when it is told to. The kernel does the touching (process_vm_readv(2), process_vm_writev(2) on
/// this process): it faults as a thread of user mode does, but where that one would get SIGBUS it answers EFAULT, and a signal
/// does not interrupt it, so no fault is announced twice. It waits in a system call, which no collection waits for.
/// </summary>
internal sealed unsafe partial class Toucher : IDisposable
{
    private readonly SemaphoreSlim _go = new(0);
    private readonly Thread _thread;
    private readonly Action _ended;
    private readonly int _pageSize;
    private readonly byte* _buffer;
    private ulong _address;
    private volatile bool _stop;
    private volatile bool _busy;
    private nint _answer;
    private Errno _errno;

    public Toucher(int pageSize, Action ended)
    {
        _pageSize = pageSize;
        _ended = ended;
        _buffer = (byte*)NativeMemory.Alloc((nuint)pageSize);
        _thread = new Thread(Work) { IsBackground = true, Name = "toucher" };
        _thread.Start();
    }

    /// <summary>Whether it is at it, or waits for the page.</summary>
    public bool IsBusy => _busy;

    /// <summary>Whether the last touch was, or is, a write.</summary>
    public bool IsWrite { get; private set; }

    /// <summary>What the page holds, after a touch that worked.</summary>
    public byte Value => Content.Uniform(new ReadOnlySpan<byte>(_buffer, _pageSize)); // ours, of this length, and nobody writes it now

    /// <summary>Reads the whole page, or writes one value over it.</summary>
    public void Begin(ulong address, byte? write)
    {
        _address = address;
        IsWrite = write is not null;
        new Span<byte>(_buffer, _pageSize).Fill(write ?? 0xee); // ours, of this length; the thread is idle
        _busy = true;
        _go.Release();
    }

    /// <summary>Whether the last touch worked; otherwise it was refused.</summary>
    public bool Succeeded()
        => _answer == _pageSize || (_answer < 0 && _errno == Errno.EFAULT ? false
            : throw new InvalidOperationException($"a touch answered {_answer}, {_errno}"));

    /// <summary>Ends the thread. It must not be busy: a page that never comes keeps it.</summary>
    public void Dispose()
    {
        _stop = true;
        _go.Release();
        if (_thread.Join(TestTime.Scaled(TimeSpan.FromSeconds(10))))
        {
            NativeMemory.Free(_buffer);
            _go.Dispose();
        }
    }

    private void Work()
    {
        while (true)
        {
            _go.Wait();
            if (_stop)
            {
                return;
            }

            var local = new iovec { iov_base = _buffer, iov_len = (nuint)_pageSize };
            var remote = new iovec { iov_base = (void*)_address, iov_len = (nuint)_pageSize };
            _answer = IsWrite
                ? ProcessVmWritev(Environment.ProcessId, &local, 1, &remote, 1, 0)
                : ProcessVmReadv(Environment.ProcessId, &local, 1, &remote, 1, 0);
            _errno = (Errno)Marshal.GetLastPInvokeError();
            _busy = false;
            _ended();
        }
    }

    [LibraryImport("libc", EntryPoint = "process_vm_readv", SetLastError = true)]
    private static partial nint ProcessVmReadv(int pid, iovec* local, nuint localCount, iovec* remote, nuint remoteCount, nuint flags);

    [LibraryImport("libc", EntryPoint = "process_vm_writev", SetLastError = true)]
    private static partial nint ProcessVmWritev(int pid, iovec* local, nuint localCount, iovec* remote, nuint remoteCount, nuint flags);
}

/// <summary>Pages in these tests hold one value in every byte.</summary>
internal static class Content
{
    /// <summary>The value.</summary>
    public static byte Uniform(ReadOnlySpan<byte> page)
        => page.ContainsAnyExcept(page[0]) ? throw new InvalidOperationException("a page holds more than one value") : page[0];
}
