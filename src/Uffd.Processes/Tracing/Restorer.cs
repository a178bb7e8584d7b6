using System.Runtime.InteropServices;

namespace Uffd.Processes;

/// <summary>
/// The code in the target that returns from a signal handler: it puts the number of rt_sigreturn(2) into rax and makes a system call. Every C library
/// has it, and so has Go's runtime. A thread that is set on it restores itself from the frame on its stack, with nobody's help.
/// </summary>
/// <param name="Address">Where it begins.</param>
/// <param name="Length">How long it is, in bytes: behind it is the instruction after the system call.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Restorer(ulong Address, int Length)
{
    private const int ChunkLength = 256 * 1024;
    private const ulong MostSearched = 1UL << 30;
    private static readonly byte[] Wide = [0x48, 0xC7, 0xC0, 0x0F, 0, 0, 0, 0x0F, 0x05]; // mov $15, %rax; syscall
    private static readonly byte[] Narrow = [0xB8, 0x0F, 0, 0, 0, 0x0F, 0x05]; // mov $15, %eax; syscall

    /// <summary>Finds it in code that comes from a file: the C library first, for it will not be unmapped.</summary>
    /// <param name="files">The process.</param>
    /// <param name="maps">Its mappings.</param>
    /// <returns>Null when there is none.</returns>
    public static Restorer? Find(TargetFiles files, IEnumerable<MappedRegion> maps)
    {
        byte[] buffer = new byte[ChunkLength];
        ulong searched = 0;
        foreach (MappedRegion map in maps.Where(map => map.IsFile && map.Permissions.HasFlag(RegionPermissions.Read | RegionPermissions.Execute)).OrderBy(Rank))
        {
            for (ulong address = map.Range.Start; address < map.Range.End && searched < MostSearched;)
            {
                int length = (int)Math.Min(ChunkLength, map.Range.End - address);
                Span<byte> chunk = buffer.AsSpan(0, length);
                if (!files.TryRead(address, chunk))
                {
                    break; // behind the end of a file that was cut short
                }

                int at = chunk.IndexOf(Wide);
                if (at >= 0)
                {
                    return new Restorer(address + (ulong)at, Wide.Length);
                }

                at = chunk.IndexOf(Narrow);
                if (at >= 0)
                {
                    return new Restorer(address + (ulong)at, Narrow.Length);
                }

                searched += (ulong)length;
                address += (ulong)length;
                if (address < map.Range.End)
                {
                    address -= (ulong)Wide.Length; // it may lie across two chunks
                }
            }
        }

        return null;
    }

    /// <summary>Whether it is still there.</summary>
    /// <param name="files">The process.</param>
    public bool IsThere(TargetFiles files)
    {
        Span<byte> code = stackalloc byte[Length];
        return files.TryRead(Address, code) && code.SequenceEqual(Length == Wide.Length ? Wide : Narrow);
    }

    private static int Rank(MappedRegion map)
    {
        string file = Path.GetFileName(map.Name);
        return file.StartsWith("libc.", StringComparison.Ordinal) || file.StartsWith("libc-", StringComparison.Ordinal) || file.StartsWith("ld-musl", StringComparison.Ordinal) ? 0
            : file.StartsWith("ld-", StringComparison.Ordinal) ? 2
            : 1;
    }
}
