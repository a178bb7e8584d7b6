namespace Uffd.Processes;

/// <summary>The mappings of a process, in order of address (proc_pid_maps(5)).</summary>
public sealed class MemoryMap
{
    private MemoryMap(IReadOnlyList<MappedRegion> regions) => Regions = regions;

    /// <summary>The mappings, in order of address, none overlapping another.</summary>
    public IReadOnlyList<MappedRegion> Regions { get; }

    /// <summary>Reads the mappings of a process.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES: no ptrace rights over it.</exception>
    public static MemoryMap Read(int processId) => throw new NotSupportedException();

    /// <summary>Parses the text of /proc/PID/maps.</summary>
    /// <param name="text">All of it.</param>
    /// <exception cref="InvalidDataException">It is not such a text; the line is told.</exception>
    public static MemoryMap Parse(ReadOnlySpan<byte> text) => throw new NotSupportedException();

    /// <summary>The mapping that holds an address, or null.</summary>
    /// <param name="address">An address.</param>
    public MappedRegion? Find(ulong address) => throw new NotSupportedException();
}
