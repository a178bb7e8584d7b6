namespace Uffd.Processes;

/// <summary>
/// Another process that can be stopped for moments and run a system call in (ptrace(2), PTRACE_SEIZE). One thread of its own makes all ptrace calls, as
/// the kernel demands. If this program dies at any moment, the process goes on as if nothing had been: see docs/tracing.md. Between stops the
/// process is not traced at all: its signals and new threads cost nothing.
/// </summary>
public sealed class Tracee : IDisposable
{
    private Tracee()
    {
    }

    /// <summary>The process's id.</summary>
    public int ProcessId => throw new NotSupportedException();

    /// <summary>The process, to learn of its end.</summary>
    public ProcessHandle Process => throw new NotSupportedException();

    /// <summary>Prepares for a process after <see cref="TargetInspection"/> has found no obstacle. Touches nothing in it.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">An obstacle, in one line, with what to do.</exception>
    public static Tracee Open(int processId) => throw new NotSupportedException();

    /// <summary>
    /// Stops one thread (and the first one, if that is another), runs userfaultfd(UFFD_USER_MODE_ONLY) in it, fetches the descriptor (pidfd_getfd(2)),
    /// closes it there, and lets the process go on exactly where it was. The handshake is done.
    /// </summary>
    /// <param name="features">To ask for in the handshake.</param>
    /// <param name="pause">How long the thread stood.</param>
    /// <exception cref="UffdException">The process ended, no thread could be stopped in time, or the kernel refused; nothing is left behind in the process.</exception>
    public Userfaultfd TakeUserfaultfd(UffdFeatures features, out TimeSpan pause) => throw new NotSupportedException();

    /// <summary>Stops every thread, also those born meanwhile, does the work on the tracing thread, and lets all go on, also when the work throws.</summary>
    /// <param name="work">What is done while they stand.</param>
    /// <returns>From the first thread's stop until all went on.</returns>
    /// <exception cref="UffdException">The process ended, or threads could not be stopped in time (they all go on again then).</exception>
    public TimeSpan RunStopped(IStoppedWork work) => throw new NotSupportedException();

    /// <summary>Lets everything go on and ends the tracing thread.</summary>
    public void Dispose()
    {
    }
}
