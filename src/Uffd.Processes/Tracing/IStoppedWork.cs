namespace Uffd.Processes;

/// <summary>Something that is done while every thread of a process stands.</summary>
public interface IStoppedWork
{
    /// <summary>
    /// Called on the tracing thread while the process still runs, with all made ready to stop it: the last moment for what makes the stop shorter. What it throws ends the attempt.
    /// </summary>
    void Prepare()
    {
    }

    /// <summary>
    /// Called on the tracing thread once every thread stands, and the process goes on when it returns. All of its time is the process's pause:
    /// it must not allocate, wait, or grow files.
    /// </summary>
    /// <param name="process">The process that stands, valid during the call.</param>
    void Run(StoppedProcess process);
}
