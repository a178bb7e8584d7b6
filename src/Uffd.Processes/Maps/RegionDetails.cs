using System.Buffers.Text;
using System.Text;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>What proc_pid_smaps(5) tells of a mapping beyond <see cref="MappedRegion"/>. Sizes in bytes.</summary>
/// <param name="Region">The mapping.</param>
/// <param name="Flags">The two-letter codes of the line VmFlags, as the kernel writes them.</param>
/// <param name="Resident">In memory (Rss; hugetlb's own pages are not in it).</param>
/// <param name="Anonymous">Pages of its own that are in memory: for a private mapping of a file those that were changed (Anonymous).</param>
/// <param name="Swapped">In swap (Swap).</param>
/// <param name="SharedWithOthers">In memory and mapped more than once, here or elsewhere (Shared_Clean and Shared_Dirty, and hugetlb's).</param>
/// <param name="KernelPageSize">The size of its pages in the kernel (KernelPageSize): huge for hugetlb.</param>
public sealed record RegionDetails(
    MappedRegion Region,
    IReadOnlyList<string> Flags,
    ulong Resident,
    ulong Anonymous,
    ulong Swapped,
    ulong SharedWithOthers,
    ulong KernelPageSize)
{
    /// <summary>Whether it has a flag of VmFlags, such as <c>io</c>, <c>pf</c> (page frames only), <c>dd</c> (not for core files), <c>lo</c> (locked), <c>ht</c> (hugetlb), <c>um</c>, <c>uw</c>, <c>ui</c> (userfaultfd).</summary>
    /// <param name="flag">Two letters.</param>
    public bool Has(string flag) => Flags.Contains(flag, StringComparer.Ordinal);

    /// <summary>Reads them all for a process, in order of address. Slow: it walks the page tables.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES: no ptrace rights over it.</exception>
    public static IReadOnlyList<RegionDetails> Read(int processId)
    {
        using SafeDescriptorHandle file = ProcFile.OpenOfMemory(processId, "smaps", DescriptorAbi.O_RDONLY, out _);
        byte[] buffer = new byte[64 * 1024];
        int length = ProcFile.ReadAll(file, ref buffer, ProcFile.PathOf(processId, "smaps"));
        return Parse(buffer.AsSpan(0, length), isLive: true);
    }

    /// <summary>Parses the text of /proc/PID/smaps. What a kernel does not tell is 0; lines that this program does not know are passed over.</summary>
    /// <param name="text">All of it.</param>
    /// <exception cref="InvalidDataException">It is not such a text; the line is told.</exception>
    public static IReadOnlyList<RegionDetails> Parse(ReadOnlySpan<byte> text) => Parse(text, isLive: false);

    /// <param name="text">All of it.</param>
    /// <param name="isLive">Whether the process ran while it was read: see <see cref="MapsText.ParseLive"/>.</param>
    private static List<RegionDetails> Parse(ReadOnlySpan<byte> text, bool isLive)
    {
        var all = new List<RegionDetails>();
        var lines = new MapsText(text);
        var flagSets = new Dictionary<string, string[]>(StringComparer.Ordinal);
        RegionDetails? current = null;
        bool isPassedOver = false;
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            // The kernel's addresses are of small letters, the names of its values begin with large ones.
            if (line is not [>= (byte)'A' and <= (byte)'Z', ..])
            {
                AddTo(all, current);
                ulong atLeast = all.Count == 0 ? 0 : all[^1].Region.Range.End;
                MappedRegion? region = isLive ? lines.ParseLive(line, atLeast) : lines.Parse(line, atLeast);
                isPassedOver = region is null;
                current = region is null ? null : new RegionDetails(region, [], 0, 0, 0, 0, 0);
                continue;
            }

            if (isPassedOver)
            {
                continue;
            }

            int colon = line.IndexOf((byte)':');
            if (current is null || colon < 0)
            {
                throw lines.Invalid(line, "is no line of /proc/PID/smaps");
            }

            ReadOnlySpan<byte> value = line[(colon + 1)..].Trim((byte)' ');
            current = line[..colon] switch
            {
                var name when name.SequenceEqual("VmFlags"u8) => current with { Flags = FlagsOf(value, flagSets) },
                var name when name.SequenceEqual("Rss"u8) => current with { Resident = Bytes(value, lines, line) },
                var name when name.SequenceEqual("Anonymous"u8) => current with { Anonymous = Bytes(value, lines, line) },
                var name when name.SequenceEqual("Swap"u8) => current with { Swapped = Bytes(value, lines, line) },
                var name when name.SequenceEqual("KernelPageSize"u8) => current with { KernelPageSize = Bytes(value, lines, line) },
                var name when name.SequenceEqual("Shared_Clean"u8) || name.SequenceEqual("Shared_Dirty"u8) || name.SequenceEqual("Shared_Hugetlb"u8)
                    => current with { SharedWithOthers = Sum(current.SharedWithOthers, Bytes(value, lines, line), lines, line) },
                _ => current,
            };
        }

        AddTo(all, current);
        return all;
    }

    private static void AddTo(List<RegionDetails> all, RegionDetails? details)
    {
        if (details is not null)
        {
            all.Add(details);
        }
    }

    private static string[] FlagsOf(ReadOnlySpan<byte> value, Dictionary<string, string[]> known)
    {
        string text = Encoding.ASCII.GetString(value);
        if (!known.TryGetValue(text, out string[]? flags))
        {
            flags = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            known.Add(text, flags);
        }

        return flags;
    }

    private static ulong Bytes(ReadOnlySpan<byte> value, in MapsText lines, ReadOnlySpan<byte> line)
        => Utf8Parser.TryParse(value, out ulong kibibytes, out int length) && value[length..].SequenceEqual(" kB"u8) && kibibytes <= ulong.MaxValue >> 10
            ? kibibytes << 10
            : throw lines.Invalid(line, "has no size in kB");

    private static ulong Sum(ulong first, ulong second, in MapsText lines, ReadOnlySpan<byte> line)
        => second <= ulong.MaxValue - first ? first + second : throw lines.Invalid(line, "has a size that no mapping has");
}
