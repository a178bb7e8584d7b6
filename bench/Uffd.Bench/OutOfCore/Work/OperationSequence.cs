using System.Runtime.InteropServices;

namespace Uffd.Bench;

/// <summary>
/// Reads and writes of records, in the order in which both sides do them. Both read them from one file, 32 bits each: the number
/// of the record, the highest bit set for a write. So nothing hangs on two generators that agree, and drawing costs neither anything.
/// </summary>
internal sealed class OperationSequence
{
    public const uint WriteBit = 1u << 31;

    private const double Theta = 0.99;
    private const double WriteShare = 0.2;

    private readonly uint[] operations;

    private OperationSequence(uint[] operations) => this.operations = operations;

    public int Count => operations.Length;

    /// <summary>The operations.</summary>
    public ReadOnlySpan<uint> Operations => operations;

    /// <summary>A number that another order, or another operation, would change.</summary>
    public ulong Order
    {
        get
        {
            ulong order = 0;
            foreach (var operation in operations)
            {
                order = Record.Mix(order ^ operation);
            }

            return order;
        }
    }

    /// <summary>Draws a sequence over so many records.</summary>
    public static OperationSequence Draw(long records, int count, ulong seed)
    {
        var numbers = new ZipfNumbers((ulong)records, Theta, seed);
        var drawn = new uint[count];
        for (var i = 0; i < count; i++)
        {
            var number = (uint)numbers.Next();
            drawn[i] = numbers.NextUniform() < WriteShare ? number | WriteBit : number;
        }

        return new OperationSequence(drawn);
    }

    public static OperationSequence Read(string path)
    {
        var saved = new uint[new FileInfo(path).Length / sizeof(uint)];
        using var file = File.OpenRead(path);
        file.ReadExactly(MemoryMarshal.AsBytes(saved.AsSpan()));
        return new OperationSequence(saved);
    }

    public void Save(string path)
    {
        using var file = File.Create(path);
        file.Write(MemoryMarshal.AsBytes(operations.AsSpan()));
    }
}
