using System.Globalization;
using Uffd.Processes;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>The mappings of a process, read by the tests' own means.</summary>
internal static class ProcMaps
{
    public static IReadOnlyList<MappedRegion> Read(int processId)
        => [.. File.ReadLines($"/proc/{processId}/maps").Select(Parse)];

    private static MappedRegion Parse(string line)
    {
        string[] words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        string[] bounds = words[0].Split('-');
        RegionPermissions permissions = (words[1][0] == 'r' ? RegionPermissions.Read : 0)
            | (words[1][1] == 'w' ? RegionPermissions.Write : 0)
            | (words[1][2] == 'x' ? RegionPermissions.Execute : 0)
            | (words[1][3] == 's' ? RegionPermissions.Shared : 0);
        return new MappedRegion(
            AddressRange.FromBounds(Hex(bounds[0]), Hex(bounds[1])),
            permissions,
            Hex(words[2]),
            Device: 0,
            ulong.Parse(words[4], CultureInfo.InvariantCulture),
            words.Length > 5 ? words[5].TrimStart() : "");
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
