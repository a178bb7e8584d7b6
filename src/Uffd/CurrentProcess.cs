using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>What Linux can do for this process and .NET has no call for.</summary>
public static class CurrentProcess
{
    private const int PRIO_PROCESS = 0; // on Linux of a thread, whatever the name says

    /// <summary>
    /// Whether all of some memory is mapped, asked of the mappings alone: no page is looked at (msync(2) with MS_ASYNC, which does nothing else).
    /// </summary>
    /// <param name="range">Whole pages.</param>
    public static bool IsMapped(AddressRange range) => LibC.MSync((nint)range.Start, (nuint)range.Length, MemoryAbi.MS_ASYNC) == 0;

    /// <summary>
    /// Sets the niceness of every thread that there is now, and so of those that they will make: also of the runtime's own, which compile and collect
    /// (setpriority(2)). For programs that work beside others who come first; it cannot be lowered again without privilege.
    /// </summary>
    /// <param name="niceness">From -20 to 19; larger gives way to others.</param>
    /// <returns>Whether it was allowed for all.</returns>
    public static bool TrySetNiceness(int niceness)
    {
        bool all = true;
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            if (uint.TryParse(Path.GetFileName(task), NumberStyles.None, CultureInfo.InvariantCulture, out uint thread))
            {
                all &= LibC.SetPriority(PRIO_PROCESS, thread, niceness) == 0 || Kernel.LastErrno == Errno.ESRCH;
            }
        }

        return all;
    }
}
