using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// Bytes of a region that stay in memory until this is disposed, from whichever thread. Take few and short ones: what they hold, nobody
/// else's pages can use. A span that was taken from it must not be used after it was disposed: its page may go at any time then, and
/// touching it ends the process with SIGBUS.
/// </summary>
[SuppressMessage("Performance", "CA1815", Justification = "leases are not compared")]
public readonly unsafe partial struct PageLease : IDisposable
{
    private readonly PagedRegion? _region;
    private readonly byte* _start; // inside the region, whose pages are held as long as the lease's version is
    private readonly int _place;
    private readonly int _version;
    private readonly PageAccess _access;

    internal PageLease(PagedRegion region, int place, int version, byte* start, int length, PageAccess access)
    {
        _region = region;
        _place = place;
        _version = version;
        _start = start;
        _access = access;
        Length = length;
    }

    /// <summary>How many bytes.</summary>
    public int Length { get; }

    /// <summary>Whether it is still held.</summary>
    public bool IsHeld => _region is not null && _region.Leases.IsHeld(_place, _version);

    /// <summary>The bytes, to read and write.</summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    /// <exception cref="InvalidOperationException">The lease is to read only.</exception>
    public Span<byte> Span
    {
        get
        {
            ThrowIfNotHeld();
            return _access == PageAccess.Write
                ? new Span<byte>(_start, Length) // the lease's own bytes, which are in memory as long as it is held
                : throw IsToReadOnly();
        }
    }

    /// <summary>The bytes, to read.</summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    public ReadOnlySpan<byte> ReadOnlySpan
    {
        get
        {
            ThrowIfNotHeld();
            return new ReadOnlySpan<byte>(_start, Length); // as above
        }
    }

    /// <summary>
    /// The address of the bytes, for native code. Valid until the lease is disposed, and not a byte further than <see cref="Length"/>.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    public nint UnsafeAddress
    {
        get
        {
            ThrowIfNotHeld();
            return (nint)_start;
        }
    }

    /// <summary>Gives the bytes back. Doing it again, by a copy too, does nothing.</summary>
    public void Dispose() => _region?.Release(_place, _version);

    private void ThrowIfNotHeld() => ObjectDisposedException.ThrowIf(!IsHeld, typeof(PageLease));
}
