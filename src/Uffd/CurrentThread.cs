using Uffd.Interop;

namespace Uffd;

/// <summary>What Linux can do for a thread and .NET has no call for.</summary>
public static unsafe class CurrentThread
{
    private const int MaskBytes = 1024; // 8192 CPUs, the most that Linux can be built for
    private const int MaskCpus = MaskBytes * 8;

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

    /// <summary>
    /// Binds the calling thread to CPUs (sched_setaffinity(2)). Only for threads that one owns; threads that it starts inherit it.
    /// </summary>
    /// <param name="cpus">Their numbers, from 0.</param>
    /// <returns>
    /// Whether it runs on all of these and no others from now on. If not, none of them exists and is allowed, and nothing was
    /// changed; or some are not, and it is bound to the rest.
    /// </returns>
    public static bool TrySetCpus(IReadOnlyCollection<int> cpus)
    {
        ArgumentNullException.ThrowIfNull(cpus);
        byte* mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        foreach (int cpu in cpus)
        {
            if (cpu is < 0 or >= MaskCpus)
            {
                return false;
            }

            mask[cpu >> 3] |= (byte)(1 << (cpu & 7)); // little-endian words: the bytes are in order
        }

        return LibC.SchedSetAffinity(0, MaskBytes, mask) == 0 && GetCpus().ToHashSet().SetEquals(cpus);
    }

    /// <summary>The CPUs that the calling thread may run on, in order (sched_getaffinity(2)).</summary>
    /// <exception cref="UffdException">The kernel does not tell.</exception>
    public static IReadOnlyList<int> GetCpus()
    {
        byte* mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        if (LibC.SchedGetAffinity(0, MaskBytes, mask) < 0)
        {
            throw Kernel.Failure("sched_getaffinity");
        }

        var cpus = new List<int>();
        for (int cpu = 0; cpu < MaskCpus; cpu++)
        {
            if ((mask[cpu >> 3] & (1 << (cpu & 7))) != 0)
            {
                cpus.Add(cpu);
            }
        }

        return cpus;
    }
}
