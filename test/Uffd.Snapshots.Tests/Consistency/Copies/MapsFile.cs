using System.Globalization;
using Uffd.Processes;

namespace Uffd.Snapshots.Tests;

/// <summary>
/// The mappings of a process, read in the plainest way: what judges a copy shares no code with what makes it.
/// </summary>
internal static class MapsFile
{
    /// <summary>The mappings whose pages belong in a copy: those of its own memory and of shared memory, not the files it only reads.</summary>
    public static IReadOnlyList<MappedRegion> ReadCopied(int processId)
        => [.. File.ReadLines($"/proc/{processId}/maps").Select(Parse).Where(IsCopied)];

    private static bool IsCopied(MappedRegion region)
        => region.Name is not ("[vvar]" or "[vvar_vclock]" or "[vdso]" or "[vsyscall]") && (!region.IsFile || region.Permissions.HasFlag(RegionPermissions.Write));

    private static MappedRegion Parse(string line)
    {
        string[] words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        string[] bounds = words[0].Split('-');
        RegionPermissions permissions = RegionPermissions.None;
        permissions |= words[1][0] == 'r' ? RegionPermissions.Read : RegionPermissions.None;
        permissions |= words[1][1] == 'w' ? RegionPermissions.Write : RegionPermissions.None;
        permissions |= words[1][2] == 'x' ? RegionPermissions.Execute : RegionPermissions.None;
        permissions |= words[1][3] == 's' ? RegionPermissions.Shared : RegionPermissions.None;
        return new MappedRegion(
            AddressRange.FromBounds(Hexadecimal(bounds[0]), Hexadecimal(bounds[1])),
            permissions,
            Hexadecimal(words[2]),
            Device: 0,
            ulong.Parse(words[4], CultureInfo.InvariantCulture),
            words.Length > 5 ? words[5].Trim() : "");
    }

    private static ulong Hexadecimal(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
