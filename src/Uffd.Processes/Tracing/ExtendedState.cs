using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Uffd.Processes;

/// <summary>
/// How much of the extended state (XSAVE) a signal frame holds. The set NT_X86_XSTATE is as long as the largest state of the machine; a frame may be no longer
/// than the thread's own, which lacks the matrix registers (AMX) until it has asked for them.
/// </summary>
internal static class ExtendedState
{
    /// <summary>The legacy area (FXSAVE) and the header behind it.</summary>
    public const int MinLength = 512 + 64;

    private const int ComponentsOffset = 464; // of the set: the components that the machine has switched on (XCR0)
    private const int PresentOffset = 512; // of the header: those that hold something (XSTATE_BV)
    private const ulong MatrixData = 1UL << 18; // the one that must be asked for
    private const int Leaf = 0xD;

    /// <summary>Which components a frame is to restore, and how long it is.</summary>
    /// <param name="set">The set NT_X86_XSTATE.</param>
    /// <param name="components">The components.</param>
    /// <returns>The length in bytes, or 0 where the set is none that is known.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Measure(ReadOnlySpan<byte> set, out ulong components)
    {
        components = 0;
        if (set.Length < MinLength || !X86Base.IsSupported)
        {
            return 0;
        }

        components = BinaryPrimitives.ReadUInt64LittleEndian(set[ComponentsOffset..]);
        if ((BinaryPrimitives.ReadUInt64LittleEndian(set[PresentOffset..]) & MatrixData) == 0)
        {
            components &= ~MatrixData;
        }

        int length = MinLength;
        for (int component = 2; component < 63; component++)
        {
            if ((components & (1UL << component)) != 0)
            {
                (int size, int offset, _, _) = X86Base.CpuId(Leaf, component);
                length = Math.Max(length, offset + size);
            }
        }

        return length <= set.Length ? length : 0;
    }
}
