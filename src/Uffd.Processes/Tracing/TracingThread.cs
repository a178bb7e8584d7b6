using System.Runtime.ExceptionServices;

namespace Uffd.Processes;

/// <summary>
/// The one thread that makes all ptrace calls of a <see cref="Tracee"/>: the kernel knows tracers as threads. When it ends, the kernel lets go of all
/// that it had seized.
/// </summary>
internal sealed class TracingThread : IDisposable
{
    private readonly Lock _turn = new();
    private readonly SemaphoreSlim _asked = new(0);
    private readonly SemaphoreSlim _answered = new(0);
    private readonly string _name;
    private Thread? _thread;
    private Action? _work;
    private Exception? _failure;
    private bool _disposed;

    public TracingThread(string name) => _name = name;

    /// <summary>Runs work on the thread and waits for it.</summary>
    /// <param name="work">The work; what it throws is thrown here.</param>
    public void Run(Action work)
    {
        lock (_turn)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(Tracee));
            if (_thread is null)
            {
                _thread = new Thread(Serve) { IsBackground = true, Name = _name };
                _thread.Start();
            }

            _work = work;
            _asked.Release();
            _answered.Wait();
            Exception? failure = _failure;
            _failure = null;
            if (failure is not null)
            {
                ExceptionDispatchInfo.Throw(failure);
            }
        }
    }

    /// <summary>
    /// Ends the thread, and the next work starts another: what it had seized and cannot let go of by a request, a first thread that ended before the
    /// others, is the process's parent's to know of again.
    /// </summary>
    public void Renew()
    {
        lock (_turn)
        {
            End();
        }
    }

    public void Dispose()
    {
        lock (_turn)
        {
            if (!_disposed)
            {
                _disposed = true;
                End();
                _asked.Dispose();
                _answered.Dispose();
            }
        }
    }

    private void End()
    {
        if (_thread is { } thread)
        {
            _work = null;
            _asked.Release();
            thread.Join();
            _thread = null;
        }
    }

    private void Serve()
    {
        StopWaiter.PrepareThread();
        while (true)
        {
            _asked.Wait();
            if (_work is not { } work)
            {
                return;
            }

            StopWaiter.SilenceStops(); // each time: the runtime sets its handler when it first starts a process
            try
            {
                work();
            }
            catch (Exception exception)
            {
                _failure = exception;
            }

            _work = null;
            _answered.Release();
        }
    }
}
