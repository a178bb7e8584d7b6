using System.Buffers.Binary;
using System.Globalization;

namespace Uffd.Kernel.Tests.Support;

/// <summary>One entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).</summary>
internal readonly record struct PageEntry(ulong Bits)
{
    public bool IsPresent => (Bits & (1UL << 63)) != 0;

    public bool IsSwapped => (Bits & (1UL << 62)) != 0;

    public bool IsWriteProtected => (Bits & (1UL << 57)) != 0;

    /// <summary>Which page of the machine's memory it is; zero for who is not root.</summary>
    public ulong Frame => IsPresent ? Bits & ((1UL << 55) - 1) : 0;
}

/// <summary>What the kernel itself tells of the pages of a process, by another way than the one that is tested.</summary>
internal static class PageTable
{
    /// <summary>Reads the entries of base pages.</summary>
    public static PageEntry[] Read(int processId, AddressRange range)
    {
        Requires.Linux(5, 14, "the write-protect bit of /proc/PID/pagemap");
        using FileStream file = File.OpenRead(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/pagemap"));
        byte[] bytes = new byte[range.Length / MemoryKinds.BasePage * sizeof(ulong)];
        file.Position = (long)(range.Start / MemoryKinds.BasePage * sizeof(ulong));
        file.ReadExactly(bytes);
        return [.. bytes.Chunk(sizeof(ulong)).Select(entry => new PageEntry(BinaryPrimitives.ReadUInt64LittleEndian(entry)))];
    }

    /// <summary>Reads the entry of one page.</summary>
    public static PageEntry Read(int processId, ulong address) => Read(processId, new AddressRange(address, MemoryKinds.BasePage))[0];

    /// <summary>A size that smaps tells of the mapping at an address, in bytes: AnonHugePages, ShmemPmdMapped.</summary>
    public static ulong SmapsField(int processId, ulong address, string field)
    {
        bool inside = false;
        foreach (string line in File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/smaps")))
        {
            string[] words = line.Split([' ', '-'], StringSplitOptions.RemoveEmptyEntries);
            if (words[0][^1] != ':')
            {
                inside = ulong.Parse(words[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture) <= address
                    && address < ulong.Parse(words[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            }
            else if (inside && line.StartsWith(field + ":", StringComparison.Ordinal))
            {
                return 1024 * ulong.Parse(words[1], CultureInfo.InvariantCulture);
            }
        }

        throw new InvalidOperationException($"smaps has no {field} at {address:x}");
    }
}
