using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// A store whose writes are made by asking for reads: threads for what blocks, pauses and counters know reads only, and do with
/// writes nothing else. The bytes of a "read" are those to be written, and are only looked at.
/// </summary>
internal sealed class WritesAsReads(IPageStore store) : IPageSource
{
    public ulong Length => store.Length;

    public int Concurrency => store.Concurrency;

    public void Read(ulong offset, Span<byte> destination) => store.Write(offset, destination);

    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => store.WriteAsync(offset, destination, cancellation);

    /// <summary>The store is not its own.</summary>
    public void Dispose()
    {
    }

    /// <summary>Bytes to be written, for who reads: nobody writes to them.</summary>
    public static Memory<byte> Bytes(ReadOnlyMemory<byte> source) => MemoryMarshal.AsMemory(source);

    /// <summary>Bytes to be written, for who reads: nobody writes to them.</summary>
    public static Span<byte> Bytes(ReadOnlySpan<byte> source) => MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(source), source.Length);
}
