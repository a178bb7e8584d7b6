using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <content>The bytes of a lease for what takes a <see cref="Memory{T}"/>: asynchronous reads and writes, parsers, sequences.</content>
public readonly unsafe partial struct PageLease
{
    /// <summary>
    /// The bytes, to read and write, for code that takes a <see cref="Memory{T}"/>. Valid until the lease is disposed: asking it for its span after
    /// that throws <see cref="ObjectDisposedException"/>. Each call allocates a small object.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    /// <exception cref="InvalidOperationException">The lease is to read only.</exception>
    public Memory<byte> AsMemory()
    {
        ThrowIfNotHeld();
        return _access == PageAccess.Write ? Manage().Memory : throw IsToReadOnly();
    }

    /// <summary>The bytes, to read: as <see cref="AsMemory"/>, of any lease.</summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    public ReadOnlyMemory<byte> AsReadOnlyMemory()
    {
        ThrowIfNotHeld();
        return Manage().Memory;
    }

    /// <summary>The bytes, whatever the lease is for; who takes them must not write to a lease that is to read.</summary>
    internal Span<byte> GetUncheckedSpan()
    {
        ThrowIfNotHeld();
        return new Span<byte>(_start, Length); // the lease's own bytes, which are in memory as long as it is held
    }

    private static InvalidOperationException IsToReadOnly()
        => new("the lease is to read only: use ReadOnlySpan or AsReadOnlyMemory, or lease with PageAccess.Write");

    [SuppressMessage("Reliability", "CA2000", Justification = "disposing it would dispose the lease, which its owner does")]
    private LeaseMemory Manage() => new(this);
}
