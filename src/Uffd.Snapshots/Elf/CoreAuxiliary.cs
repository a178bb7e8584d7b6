using System.Buffers.Binary;

namespace Uffd.Snapshots;

/// <summary>The auxiliary vector: pairs of a type and a value (getauxval(3)).</summary>
internal static class CoreAuxiliary
{
    /// <summary>The value of a type, or null where the vector does not have it.</summary>
    public static ulong? Find(ReadOnlySpan<byte> vector, ulong type)
    {
        const int PairLength = 2 * sizeof(ulong);
        for (; vector.Length >= PairLength; vector = vector[PairLength..])
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(vector) == type)
            {
                return BinaryPrimitives.ReadUInt64LittleEndian(vector[sizeof(ulong)..]);
            }
        }

        return null;
    }
}
