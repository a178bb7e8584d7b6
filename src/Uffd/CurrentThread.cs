using Uffd.Interop;

namespace Uffd;

/// <summary>What Linux can do for a thread and .NET has no call for.</summary>
public static class CurrentThread
{
    /// <summary>
    /// Sets the calling thread's niceness (setpriority(2), which on Linux is per thread). <see cref="Thread.Priority"/> has no
    /// effect there. Only for threads that one owns: it cannot be lowered again without privilege.
    /// </summary>
    /// <param name="niceness">From -20 to 19; larger gives way to others.</param>
    /// <returns>Whether it was allowed.</returns>
    public static bool TrySetNiceness(int niceness)
    {
        const int PRIO_PROCESS = 0;
        return LibC.SetPriority(PRIO_PROCESS, who: 0, niceness) == 0;
    }
}
