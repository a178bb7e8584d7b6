using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.Processes;

/// <summary>
/// Finds memory on the first thread's stack that nobody uses. Below the stack pointer and its red zone anything is dead by the ABI: a signal may overwrite
/// it at any time. Where that thread runs on another stack (a signal's, a coroutine's, Go's), which may be too small to be written below, the bottom of the
/// mapping [stack] is taken if it is zero, and otherwise what lies below it, which the kernel grows it by.
/// </summary>
/// <param name="Start">The stack's lowest mapped address.</param>
/// <param name="End">The address behind it.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct DeadStack(ulong Start, ulong End)
{
    private const ulong RedZone = 128;
    private const ulong Alignment = 64;

    /// <summary>Finds the stack of a process.</summary>
    /// <param name="maps">Its mappings, in order.</param>
    /// <returns>Null where it has none.</returns>
    public static DeadStack? Find(IReadOnlyList<MappedRegion> maps)
    {
        for (int index = maps.Count - 1; index >= 0; index--)
        {
            if (!string.Equals(maps[index].Name, "[stack]", StringComparison.Ordinal) || !IsStackLike(maps[index]))
            {
                continue;
            }

            // A mapping that was split (by mlock(2) or madvise(2)) is one stack still.
            ulong start = maps[index].Range.Start;
            for (int below = index - 1; below >= 0 && maps[below].Range.End == start && IsStackLike(maps[below]); below--)
            {
                start = maps[below].Range.Start;
            }

            return new DeadStack(start, maps[index].Range.End);
        }

        return null;
    }

    /// <summary>Whether an address, a stack pointer, is in it.</summary>
    /// <param name="stackPointer">The address.</param>
    public bool Holds(ulong stackPointer) => stackPointer > Start && stackPointer <= End;

    /// <summary>The place below a stack pointer that is in it.</summary>
    /// <param name="stackPointer">The stack pointer.</param>
    /// <param name="length">How many bytes are needed.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong Below(ulong stackPointer, int length) => (stackPointer - RedZone - (ulong)length) & ~(Alignment - 1);

    /// <summary>The place at the bottom, for a thread that runs elsewhere.</summary>
    /// <param name="files">The process.</param>
    /// <param name="length">How many bytes are needed.</param>
    public ulong AtBottom(TargetFiles files, int length)
    {
        byte[] bytes = new byte[length];
        return files.TryRead(Start, bytes) && !bytes.AsSpan().ContainsAnyExcept((byte)0) ? Start : (Start - (ulong)length) & ~(Alignment - 1);
    }

    private static bool IsStackLike(MappedRegion region)
        => !region.IsFile && !region.IsShared && region.Permissions.HasFlag(RegionPermissions.Read | RegionPermissions.Write);
}
