using System.Buffers.Binary;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>Vector registers are where debuggers look for them, whoever made the processor.</summary>
public class ExtendedStateTests
{
    [Theory]
    [InlineData(2432, 0xe7UL, 2688, 4)]
    [InlineData(2440, 0x2e7UL, 2696, 5)]
    public void Layout_of_amd_becomes_that_of_intel(int length, ulong features, int expected, int parts)
    {
        byte[] state = State(length, features);
        ReadOnlySpan<byte> spread = ExtendedState.Normalize(state).Span;

        Assert.Equal(expected, spread.Length);
        Assert.True(spread[..832].SequenceEqual(state.AsSpan(0, 832))); // x87, SSE, AVX
        Assert.True(spread[1088..1152].SequenceEqual(state.AsSpan(832, 64))); // opmasks
        Assert.True(spread[1152..1664].SequenceEqual(state.AsSpan(896, 512))); // upper halves of zmm0 to zmm15
        Assert.True(spread[1664..2688].SequenceEqual(state.AsSpan(1408, 1024))); // zmm16 to zmm31
        Assert.True(spread[2688..].SequenceEqual(state.AsSpan(2432))); // protection keys
        Assert.False(spread[832..1088].ContainsAnyExcept((byte)0));
        Assert.Equal(parts * 16, ExtendedState.Layout(spread).Length);
    }

    [Theory]
    [InlineData(2688, 0xe7UL)]
    [InlineData(2696, 0x2e7UL)]
    [InlineData(832, 0x7UL)]
    [InlineData(2432, 0x7UL)]
    [InlineData(2432, 0x2e7UL)]
    [InlineData(2440, 0xe7UL)]
    [InlineData(11008, 0x602e7UL)]
    [InlineData(0, 0UL)]
    [InlineData(64, 0UL)]
    public void Other_layouts_are_left_as_they_are(int length, ulong features)
    {
        byte[] state = State(length, features);
        Assert.True(ExtendedState.Normalize(state).Span.SequenceEqual(state));
        ExtendedState.Layout(state);
    }

    private static byte[] State(int length, ulong features)
    {
        byte[] state = new byte[length];
        new Random(length).NextBytes(state);
        if (length > 512)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(state.AsSpan(464), features);
        }

        return state;
    }
}
