namespace Uffd.Paging;

/// <summary>Pages that are in this process's memory, outside the garbage collector's.</summary>
public sealed class MemoryPageSource : IPageSource
{
    private readonly MemoryMapping _mapping;
    private readonly bool _ownsMapping;

    /// <summary>Serves a mapping.</summary>
    /// <param name="mapping">Plain memory: neither registered with a userfaultfd nor a file that may be cut short.</param>
    /// <param name="ownsMapping">Whether disposing this unmaps it.</param>
    public MemoryPageSource(MemoryMapping mapping, bool ownsMapping = false)
    {
        ArgumentNullException.ThrowIfNull(mapping);
        _mapping = mapping;
        _ownsMapping = ownsMapping;
        Length = mapping.Length;
    }

    private MemoryPageSource(MemoryMapping mapping, ulong length)
        : this(mapping, ownsMapping: true)
        => Length = length;

    /// <inheritdoc/>
    public ulong Length { get; }

    /// <summary>Serves a copy of some bytes.</summary>
    /// <param name="bytes">At least one.</param>
    public static MemoryPageSource FromBytes(ReadOnlySpan<byte> bytes)
    {
        MemoryMapping mapping = MemoryMapping.CreateAnonymous((ulong)bytes.Length);
        bytes.CopyTo(mapping.AsSpan());
        return new MemoryPageSource(mapping, (ulong)bytes.Length);
    }

    /// <inheritdoc/>
    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        address = _mapping.Address + offset;
        return offset <= _mapping.Length && length <= _mapping.Length - offset ? DirectAccess.Full : DirectAccess.None;
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        int available = offset >= Length ? 0 : (int)Math.Min((ulong)destination.Length, Length - offset);
        if (available > 0)
        {
            _mapping.AsSpan(offset, available).CopyTo(destination);
        }

        destination[available..].Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsMapping)
        {
            _mapping.Dispose();
        }
    }
}
