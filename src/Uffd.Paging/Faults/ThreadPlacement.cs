namespace Uffd.Paging;

/// <summary>Where the threads that serve an address space run.</summary>
internal static class ThreadPlacement
{
    /// <summary>Binds the calling thread as its address space asks. A CPU may have gone since that was checked: then it is told, and served anywhere.</summary>
    public static void Apply(AddressSpace space)
    {
        if (space.Options.Cpus is { } cpus && !CurrentThread.TrySetCpus(cpus))
        {
            space.Notify(PagerNoticeKind.NotPlaced, $"a thread of this address space could not be bound to the CPUs {CpuList.Format(cpus)}");
        }
    }
}
