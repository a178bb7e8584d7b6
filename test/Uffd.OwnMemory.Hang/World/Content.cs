using System.Numerics;

namespace Uffd.OwnMemory.Hang;

/// <summary>The bytes that a store has, and those that it must have when all is saved. They are a process's: what one path wrote, the next one reads.</summary>
internal sealed class Content
{
    public Content()
    {
        new Random(42).NextBytes(Stored.AsSpan(0, Layout.Length));
        Stored.AsSpan(0, Layout.Length).CopyTo(Expected);
    }

    /// <summary>What the store has, whole pages.</summary>
    public byte[] Stored { get; } = new byte[(int)BitOperations.RoundUpToPowerOf2((uint)Environment.SystemPageSize) * (1 + (Layout.Length / Environment.SystemPageSize))];

    /// <summary>What is in the memory now. Each worker changes its own blocks only.</summary>
    public byte[] Expected { get; } = new byte[Layout.Length];

    /// <summary>Fails when the store has not what was written.</summary>
    public void VerifyStored()
    {
        int same = Stored.AsSpan(0, Layout.Length).CommonPrefixLength(Expected);
        if (same < Layout.Length)
        {
            throw new InvalidDataException($"the store has {Stored[same]} at offset {same} after all was saved, and {Expected[same]} was written there");
        }
    }
}
