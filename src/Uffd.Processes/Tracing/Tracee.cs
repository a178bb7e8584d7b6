using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;

namespace Uffd.Processes;

/// <summary>
/// Another process that can be stopped for moments and run a system call in (ptrace(2), PTRACE_SEIZE). One thread of its own makes all ptrace calls, as
/// the kernel demands. If this program dies at any moment, the process goes on as if nothing had been: see docs/tracing.md. Between stops the
/// process is not traced at all: its signals and new threads cost nothing.
/// </summary>
public sealed class Tracee : IDisposable
{
    private readonly TracingThread _tracer;
    private readonly TargetFiles _files;
    private readonly ThreadTable _threads;
    private readonly bool _suspendSeccomp;
    private bool _isRehearsed;
    private long _lastRelease;

    private Tracee(ProcessHandle process, TargetFiles files, bool suspendSeccomp)
    {
        Process = process;
        _files = files;
        _suspendSeccomp = suspendSeccomp;
        _threads = new ThreadTable(files);
        _tracer = new TracingThread(string.Create(CultureInfo.InvariantCulture, $"trace-{process.ProcessId}"));
    }

    /// <summary>The process's id.</summary>
    public int ProcessId => Process.ProcessId;

    /// <summary>The process, to learn of its end.</summary>
    public ProcessHandle Process { get; }

    private TimeSpan? SinceLastStop => _lastRelease == 0 ? null : Stopwatch.GetElapsedTime(_lastRelease);

    /// <summary>Prepares for a process after <see cref="TargetInspection"/> has found no obstacle. Touches nothing in it.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">An obstacle, in one line, with what to do.</exception>
    public static Tracee Open(int processId)
    {
        var inspection = TargetInspection.Inspect(processId);
        inspection.ThrowIfObstructed();
        RefuseOwnChild(processId);
        return OpenUninspected(processId, inspection.HasSeccompFilter);
    }

    /// <summary>Prepares for a process without looking at it first.</summary>
    /// <param name="processId">Its id.</param>
    /// <param name="suspendSeccomp">Whether it has a seccomp filter that would see the call that is run in it.</param>
    internal static Tracee OpenUninspected(int processId, bool suspendSeccomp = false)
    {
        ProcessHandle process = ProcessHandle.TryOpen(processId)
            ?? throw new UffdException(string.Create(CultureInfo.InvariantCulture, $"there is no process {processId}"), Errno.ESRCH);
        try
        {
            return new Tracee(process, new TargetFiles(processId), suspendSeccomp);
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Stops one thread (the first one; another where that has ended), runs userfaultfd(UFFD_USER_MODE_ONLY) in it, fetches the descriptor (pidfd_getfd(2)),
    /// closes it there, and lets the process go on exactly where it was. The handshake is done.
    /// </summary>
    /// <param name="features">To ask for in the handshake.</param>
    /// <param name="pause">How long the thread stood.</param>
    /// <exception cref="UffdException">The process ended, no thread could be stopped in time, or the kernel refused; nothing is left behind in the process.</exception>
    public Userfaultfd TakeUserfaultfd(UffdFeatures features, out TimeSpan pause)
    {
        SafeDescriptorHandle? descriptor = null;
        TimeSpan stood = default;
        var taking = new UserfaultfdTaking(Process, _files, _suspendSeccomp);
        try
        {
            _tracer.Run(() =>
            {
                descriptor = taking.Run(SinceLastStop, out stood);
                _lastRelease = Stopwatch.GetTimestamp();
            });
        }
        finally
        {
            if (taking.HasRemains)
            {
                _tracer.Renew();
            }
        }

        pause = stood;
        return Userfaultfd.Adopt(descriptor!, features);
    }

    /// <summary>Stops every thread, also those born meanwhile, does the work on the tracing thread, and lets all go on, also when the work throws.</summary>
    /// <param name="work">What is done while they stand.</param>
    /// <returns>From the first thread's stop until all went on.</returns>
    /// <exception cref="UffdException">The process ended, or threads could not be stopped in time (they all go on again then).</exception>
    public TimeSpan RunStopped(IStoppedWork work)
    {
        ArgumentNullException.ThrowIfNull(work);
        TimeSpan stood = default;
        bool hasRemains = true;
        try
        {
            _tracer.Run(() =>
            {
                stood = RunOnTracer(work);
                hasRemains = _threads.HasRemains;
            });
        }
        finally
        {
            if (hasRemains)
            {
                _tracer.Renew(); // the kernel lets go of what is left
            }
        }

        return stood;
    }

    /// <summary>Lets everything go on and ends the tracing thread.</summary>
    public void Dispose()
    {
        _tracer.Dispose();
        _files.Dispose();
        Process.Dispose();
    }

    /// <summary>
    /// .NET waits for children with waitid(P_ALL), at each end of any of them, and is shown the stops of a child that this process traces: it takes such a stop for the child's end,
    /// and later waits without end for one that it believes has ended. Stops send no SIGCHLD here (docs/tracing.md), but another child may end at that moment.
    /// </summary>
    private static void RefuseOwnChild(int processId)
    {
        string stat = TargetFiles.TryReadText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat")) ?? "";
        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length > 1 && int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out int parent) && parent == Environment.ProcessId)
        {
            throw new UffdException(string.Create(
                CultureInfo.InvariantCulture,
                $"process {processId} is a child of this one, and .NET takes the stops of a traced child for its end; have another process trace it (uffd snapshot {processId}), or start it through one (setsid --fork)"));
        }
    }

    private TimeSpan RunOnTracer(IStoppedWork work)
    {
        if (!_isRehearsed)
        {
            _threads.Rehearse();
            _isRehearsed = true;
        }

        var process = new StoppedProcess(_threads);
        Exception? failure = null;
        bool stands;
        TimeSpan stood;
        using (CollectionPause.Begin())
        {
            Errno errno = _threads.SeizeAll();
            if (errno != Errno.None)
            {
                _threads.ReleaseAll();
                throw SeizeFailure(ProcessId, errno);
            }

            long start = Stopwatch.GetTimestamp();
            try
            {
                work.Prepare();
                start = Stopwatch.GetTimestamp();
                stands = _threads.HaltAll(SinceLastStop);
                if (stands)
                {
                    work.Run(process);
                }
            }
            catch (Exception exception)
            {
                failure = exception;
                stands = true;
            }

            _threads.ReleaseAll();
            _lastRelease = Stopwatch.GetTimestamp();
            stood = Stopwatch.GetElapsedTime(start, _lastRelease);
        }

        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return stands ? stood : throw HaltFailure();
    }

    private UffdException HaltFailure()
        => _threads.HasExecuted ? new UffdException(string.Create(CultureInfo.InvariantCulture, $"process {ProcessId} replaced its program (execve) while it was being stopped"))
            : _threads.StuckThread != 0 ? Stuck(_files, _threads.StuckThread)
            : Ended(ProcessId);

    /// <summary>The failure for a process that is not there any more.</summary>
    internal static UffdException Ended(int processId)
        => new(string.Create(CultureInfo.InvariantCulture, $"process {processId} ended"), Errno.ESRCH);

    /// <summary>The failure for a thread that does not come to stand.</summary>
    internal static UffdException Stuck(TargetFiles files, int thread)
        => new(string.Create(
            CultureInfo.InvariantCulture,
            $"thread {thread} of process {files.ProcessId} did not stop within {StopWaiter.Patience.TotalSeconds} s ({files.DescribeWait(thread)}); try again when it has left the kernel"));

    /// <summary>The failure for a process that may not be traced, or is by another.</summary>
    internal static UffdException SeizeFailure(int processId, Errno errno)
        => errno is Errno.ESRCH or Errno.ENOENT
            ? Ended(processId)
            : new UffdException(
                string.Create(CultureInfo.InvariantCulture, $"process {processId} cannot be traced (PTRACE_SEIZE)"),
                errno,
                errno == Errno.EPERM ? "end the debugger or tracer that has it already, or run as root (CAP_SYS_PTRACE)" : null)
            {
                IsUnavailable = errno == Errno.EPERM,
            };
}
