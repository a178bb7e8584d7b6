namespace Uffd.Paging.Tests.OwnMemory;

/// <summary>A store in an array: what it holds is what was saved.</summary>
internal sealed class ArrayStore(int length) : IPageStore
{
    public byte[] Bytes { get; } = new byte[length];

    public ulong Length => (ulong)length;

    public void Read(ulong offset, Span<byte> destination)
    {
        int available = this.AvailableAt(offset, destination.Length);
        Bytes.AsSpan((int)offset, available).CopyTo(destination);
        destination[available..].Clear();
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source) => source[..this.AvailableAt(offset, source.Length)].CopyTo(Bytes.AsSpan((int)offset));

    public void Flush()
    {
        // An array is as durable as it gets here.
    }

    public void Dispose()
    {
        // Read after the region is gone.
    }
}
