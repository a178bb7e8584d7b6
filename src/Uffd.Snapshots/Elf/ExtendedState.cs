using System.Buffers.Binary;

namespace Uffd.Snapshots;

/// <summary>
/// The extended state of x86-64 (XSAVE, standard format). Where its parts lie beyond AVX depends on the processor, and the kernel's note does not say: gdb
/// knows the places of Intel's by the note's length, and tells AVX registers unavailable for a length that it does not know (measured with gdb 13 on an AMD
/// processor, with the kernel's own core). So AMD's two layouts are written in Intel's places, and NT_X86_XSAVE_LAYOUT (Linux 6.12) tells the places
/// besides.
/// </summary>
internal static class ExtendedState
{
    private const int FeaturesOffset = 464; // of the mask of the state's parts: the kernel's use of what XSAVE leaves to software
    private const ulong Avx = 1 << 2;
    private const ulong Avx512 = 0b111 << 5;
    private const ulong ProtectionKeys = 1 << 9;

    private const int AvxLength = 832;
    private const int CompactLength = 2432; // AMD's, then the protection keys
    private const int SpreadLength = 2688; // Intel's, then the protection keys
    private const int KeysLength = 8;

    // Component, length, and where it lies in AMD's and in Intel's layout.
    private static readonly (uint Type, int Length, int Compact, int Spread)[] Parts =
        [(2, 256, 576, 576), (5, 64, 832, 1088), (6, 512, 896, 1152), (7, 1024, 1408, 1664), (9, KeysLength, CompactLength, SpreadLength)];

    /// <summary>A thread's state in places that debuggers know; one of another length or of other parts is left as it is.</summary>
    public static ReadOnlyMemory<byte> Normalize(ReadOnlyMemory<byte> state)
    {
        bool hasKeys = state.Length == CompactLength + KeysLength;
        if ((state.Length != CompactLength && !hasKeys) || FeaturesOf(state.Span) is var features && ((features & Avx512) != Avx512 || ((features & ProtectionKeys) != 0) != hasKeys))
        {
            return state;
        }

        byte[] spread = new byte[hasKeys ? SpreadLength + KeysLength : SpreadLength];
        state.Span[..Parts[0].Compact].CopyTo(spread);
        foreach ((_, int length, int compact, int place) in Parts.Where(part => part.Compact < state.Length))
        {
            state.Span.Slice(compact, length).CopyTo(spread.AsSpan(place));
        }

        return spread;
    }

    /// <summary>The content of NT_X86_XSAVE_LAYOUT for a state that was normalized, empty where its layout is not known.</summary>
    public static byte[] Layout(ReadOnlySpan<byte> state)
    {
        if (state.Length is not (AvxLength or SpreadLength or SpreadLength + KeysLength))
        {
            return [];
        }

        const int EntryLength = 16; // struct x86_xfeat_component
        ulong features = FeaturesOf(state);
        (uint Type, int Length, int Compact, int Spread)[] parts = [.. Parts.Where(part => (features & (1UL << (int)part.Type)) != 0)];
        if ((features & Avx) == 0 || parts[^1].Spread + parts[^1].Length != state.Length)
        {
            return [];
        }

        byte[] layout = new byte[parts.Length * EntryLength];
        for (int index = 0; index < parts.Length; index++)
        {
            Span<byte> entry = layout.AsSpan(index * EntryLength);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, parts[index].Type);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], parts[index].Length);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], parts[index].Spread);
        }

        return layout;
    }

    private static ulong FeaturesOf(ReadOnlySpan<byte> state) => BinaryPrimitives.ReadUInt64LittleEndian(state[FeaturesOffset..]);
}
