using System.Buffers;

namespace Uffd.Paging;

/// <summary>Bytes of a region as a sequence, in memory until this is disposed. <see cref="PagedMemory.LeaseSequence(long, long)"/> makes it.</summary>
public sealed class LeasedSequence : IDisposable
{
    /// <summary>The most bytes of a segment. A lease is one run of addresses, so there is no reason for small ones.</summary>
    internal const int MaxSegment = 1 << 30;

    private readonly List<PageLease> _leases = [];
    private bool _isDisposed;
    private Segment? _first;
    private Segment? _last;

    private LeasedSequence()
    {
    }

    /// <summary>The bytes. Of a sequence that was disposed, what was taken before throws when its bytes are asked for.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public ReadOnlySequence<byte> Sequence
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _first is null || _last is null
                ? ReadOnlySequence<byte>.Empty
                : ReferenceEquals(_first, _last) ? new ReadOnlySequence<byte>(_first.Memory) : new ReadOnlySequence<byte>(_first, 0, _last, _last.Memory.Length);
        }
    }

    /// <summary>Gives the bytes back. Doing it again does nothing.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        foreach (PageLease lease in _leases)
        {
            lease.Dispose();
        }
    }

    internal static LeasedSequence Take(PagedMemory memory, long offset, long length, int segment)
    {
        var sequence = new LeasedSequence();
        try
        {
            for (long done = 0; done < length;)
            {
                int step = (int)Math.Min(segment, length - done);
                sequence.Add(memory.Lease(offset + done, step, PageAccess.Read));
                done += step;
            }

            return sequence;
        }
        catch
        {
            sequence.Dispose();
            throw;
        }
    }

    internal static async ValueTask<LeasedSequence> TakeAsync(PagedMemory memory, long offset, long length, int segment, CancellationToken cancellation)
    {
        var sequence = new LeasedSequence();
        try
        {
            for (long done = 0; done < length;)
            {
                int step = (int)Math.Min(segment, length - done);
                sequence.Add(await memory.LeaseAsync(offset + done, step, PageAccess.Read, cancellation).ConfigureAwait(false));
                done += step;
            }

            return sequence;
        }
        catch
        {
            sequence.Dispose();
            throw;
        }
    }

    private void Add(PageLease lease)
    {
        _leases.Add(lease);
        _last = new Segment(lease.AsReadOnlyMemory(), _last);
        _first ??= _last;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
