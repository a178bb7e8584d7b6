using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>The mappings of a process, in order of address (proc_pid_maps(5)).</summary>
public sealed class MemoryMap
{
    private readonly MappedRegion[] _regions;

    private MemoryMap(MappedRegion[] regions) => _regions = regions;

    /// <summary>The mappings, in order of address, none overlapping another.</summary>
    public IReadOnlyList<MappedRegion> Regions => _regions;

    /// <summary>
    /// Reads the mappings of a process. A process that runs may map and unmap meanwhile: each line was true when the kernel wrote it, and a mapping that
    /// stayed all the time is among them.
    /// </summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES: no ptrace rights over it.</exception>
    public static MemoryMap Read(int processId)
    {
        using SafeDescriptorHandle file = ProcFile.OpenOfMemory(processId, "maps", DescriptorAbi.O_RDONLY, out _);
        byte[] buffer = new byte[64 * 1024];
        int length = ProcFile.ReadAll(file, ref buffer, ProcFile.PathOf(processId, "maps"));
        return ParseLive(buffer.AsSpan(0, length));
    }

    /// <summary>Parses the text of /proc/PID/maps.</summary>
    /// <param name="text">All of it. Names that are no UTF-8 get U+FFFD for the bytes that are none.</param>
    /// <exception cref="InvalidDataException">It is not such a text; the line is told.</exception>
    public static MemoryMap Parse(ReadOnlySpan<byte> text)
    {
        var regions = new List<MappedRegion>();
        var lines = new MapsText(text);
        ulong end = 0;
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            MappedRegion region = lines.Parse(line, end);
            end = region.Range.End;
            regions.Add(region);
        }

        return new MemoryMap([.. regions]);
    }

    /// <summary>Parses the text of a process that ran while it was read: see <see cref="MapsText.ParseLive"/>.</summary>
    internal static MemoryMap ParseLive(ReadOnlySpan<byte> text)
    {
        var regions = new List<MappedRegion>();
        var lines = new MapsText(text);
        ulong end = 0;
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            if (lines.ParseLive(line, end) is { } region)
            {
                end = region.Range.End;
                regions.Add(region);
            }
        }

        return new MemoryMap([.. regions]);
    }

    /// <summary>The mapping that holds an address, or null.</summary>
    /// <param name="address">An address.</param>
    public MappedRegion? Find(ulong address)
    {
        int low = 0;
        int high = _regions.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            MappedRegion region = _regions[middle];
            if (region.Range.Contains(address))
            {
                return region;
            }

            (low, high) = region.Range.Start > address ? (low, middle) : (middle + 1, high);
        }

        return null;
    }
}
