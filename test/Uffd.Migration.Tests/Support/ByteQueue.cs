namespace Uffd.Migration.Tests.Support;

/// <summary>One direction of a <see cref="DuplexPipe"/>: a bounded buffer with a writing and a reading end, each of which can be closed by any thread at any time.</summary>
internal sealed class ByteQueue(int capacity)
{
    private readonly byte[] _ring = new byte[capacity];
    private readonly object _gate = new(); // a monitor: it is waited for
    private int _start;
    private int _count;
    private bool _isWriterClosed;
    private bool _isReaderClosed;
    private bool _isReset;
    private bool _isSevered;
    private TaskCompletionSource? _change; // only while somebody waits without a thread

    public int Read(Span<byte> destination)
    {
        lock (_gate)
        {
            int taken;
            while ((taken = Take(destination)) < 0)
            {
                Monitor.Wait(_gate);
            }

            return taken;
        }
    }

    public async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellation)
    {
        while (true)
        {
            Task change;
            lock (_gate)
            {
                int taken = Take(destination.Span);
                if (taken >= 0)
                {
                    return taken;
                }

                change = NextChange();
            }

            await change.WaitAsync(cancellation);
        }
    }

    public void Write(ReadOnlySpan<byte> source)
    {
        lock (_gate)
        {
            while (true)
            {
                source = source[Put(source)..];
                if (source.IsEmpty)
                {
                    return;
                }

                Monitor.Wait(_gate);
            }
        }
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        while (true)
        {
            Task change;
            lock (_gate)
            {
                source = source[Put(source.Span)..];
                if (source.IsEmpty)
                {
                    return;
                }

                change = NextChange();
            }

            await change.WaitAsync(cancellation);
        }
    }

    /// <summary>No more is written: who reads gets what is here, then the end.</summary>
    public void CloseWriter() => Set(ref _isWriterClosed);

    /// <summary>No more is read: who writes is told so.</summary>
    public void CloseReader() => Set(ref _isReaderClosed);

    /// <summary>Both ends fail, and what was on its way is lost.</summary>
    public void Reset() => Set(ref _isReset);

    /// <summary>As if each end had been closed by the other: what was written can be read, and then there is the end.</summary>
    public void Sever() => Set(ref _isSevered);

    private void Set(ref bool flag)
    {
        lock (_gate)
        {
            flag = true;
            Announce();
        }
    }

    /// <summary>How many bytes were taken: 0 at the end, -1 where there are none yet.</summary>
    private int Take(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_isReaderClosed, typeof(DuplexPipe));
        if (_isReset)
        {
            throw new IOException("connection reset by peer");
        }

        int wanted = Math.Min(destination.Length, _count);
        if (wanted == 0)
        {
            return _isWriterClosed || _isSevered || destination.IsEmpty ? 0 : -1;
        }

        int first = Math.Min(wanted, _ring.Length - _start);
        _ring.AsSpan(_start, first).CopyTo(destination);
        _ring.AsSpan(0, wanted - first).CopyTo(destination[first..]);
        _start = (_start + wanted) % _ring.Length;
        _count -= wanted;
        Announce();
        return wanted;
    }

    /// <summary>How many bytes found room.</summary>
    private int Put(ReadOnlySpan<byte> source)
    {
        ObjectDisposedException.ThrowIf(_isWriterClosed, typeof(DuplexPipe));
        if (_isReset || _isReaderClosed || _isSevered)
        {
            throw new IOException(_isReset ? "connection reset by peer" : "broken pipe");
        }

        int put = Math.Min(source.Length, _ring.Length - _count);
        int at = (_start + _count) % _ring.Length;
        int first = Math.Min(put, _ring.Length - at);
        source[..first].CopyTo(_ring.AsSpan(at));
        source[first..put].CopyTo(_ring);
        _count += put;
        if (put > 0)
        {
            Announce();
        }

        return put;
    }

    private Task NextChange() => (_change ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private void Announce()
    {
        Monitor.PulseAll(_gate);
        _change?.SetResult();
        _change = null;
    }
}
