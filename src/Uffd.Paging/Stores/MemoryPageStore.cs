namespace Uffd.Paging;

/// <summary>
/// Pages that are kept in this process's memory, outside the garbage collector's, from when they are written. At first all are zeros.
/// They are gone when it is disposed; a flush does nothing.
/// </summary>
public sealed class MemoryPageStore : IPageStore
{
    private readonly MemoryMapping _mapping;
    private readonly StoredPages _written;

    /// <summary>Makes one of zeros.</summary>
    /// <param name="length">
    /// Bytes, at least one. Nothing is promised by the system for them: it may be far more than there is memory, and a machine that has none left
    /// ends processes.
    /// </param>
    /// <exception cref="UffdException">ENOMEM: there are not as many addresses, or the system wants every byte promised (vm.overcommit_memory=2).</exception>
    public MemoryPageStore(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        _mapping = MemoryMapping.CreateAnonymous(length, new MemoryMappingOptions { NoReserve = true });
        _written = new StoredPages(length);
        Length = length;
    }

    /// <inheritdoc/>
    public ulong Length { get; }

    /// <inheritdoc/>
    /// <remarks>A page is told to be a hole until a write of it begins.</remarks>
    public SourceRun GetRun(ulong offset, ulong length)
        => _written.Contains(offset, length, out ulong same) ? new SourceRun(same, SourceRunKind.Data) : new SourceRun(same, SourceRunKind.Hole);

    /// <inheritdoc/>
    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        bool inside = offset <= _mapping.Length && length <= _mapping.Length - offset;
        address = inside ? _mapping.Address + offset : 0;
        return inside ? DirectAccess.Full : DirectAccess.None;
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        int available = this.AvailableAt(offset, destination.Length);
        if (available > 0)
        {
            _mapping.AsSpan(offset, available).CopyTo(destination);
        }

        destination[available..].Clear();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">They are not whole pages, or lie outside.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        int available = this.RequirePages(offset, source.Length);
        _written.Add(offset, (ulong)available);
        source[..available].CopyTo(_mapping.AsSpan(offset, available)); // what is behind the end stays zeros: GetDirect shows it
    }

    /// <summary>Does nothing: this store lasts as long as its process.</summary>
    public void Flush()
    {
    }

    /// <inheritdoc/>
    public void Dispose() => _mapping.Dispose();
}
