using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Takes a stream apart into frames. Of one thread; <see cref="WaitingSince"/> is for any.</summary>
internal sealed class FrameReader(Stream stream)
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private readonly byte[] _head = new byte[FrameHeader.MaxHeadBytes];
    private int _start;
    private int _end;
    private uint _sequence;
    private long _waitingSince;
    private long _bytes;
    private bool _hasFrame;

    /// <summary>Since when it has been waiting for bytes (<see cref="Stopwatch"/>), or 0.</summary>
    public long WaitingSince => Volatile.Read(ref _waitingSince);

    /// <summary>How many bytes have come.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether a whole frame has come: what speaks another protocol never gets so far.</summary>
    public bool HasFrame => _hasFrame;

    /// <summary>The next frame's header and head; its data is still to be read, or skipped.</summary>
    /// <param name="head">Valid until the next call.</param>
    /// <exception cref="EndOfStreamException">The other side closed.</exception>
    /// <exception cref="WireException">The bytes are no frame, or not the next one.</exception>
    public FrameHeader ReadHead(out ReadOnlySpan<byte> head)
    {
        Span<byte> bytes = stackalloc byte[FrameHeader.Bytes];
        Fill(bytes);
        FrameHeader header = FrameHeader.Read(bytes, _sequence);
        Span<byte> read = _head.AsSpan(0, header.HeadBytes);
        Fill(read);
        if (Crc32C.Of(read) != header.HeadChecksum)
        {
            throw new WireException($"a frame of type {(byte)header.Type} is damaged");
        }

        _sequence = unchecked(_sequence + 1);
        _hasFrame = true;
        head = read;
        return header;
    }

    /// <summary>Reads content of pages.</summary>
    public void ReadData(Span<byte> destination) => Fill(destination);

    /// <summary>Reads content that nobody wants.</summary>
    public void Skip(int bytes)
    {
        Span<byte> some = stackalloc byte[4096];
        for (; bytes > 0; bytes -= Math.Min(bytes, some.Length))
        {
            Fill(some[..Math.Min(bytes, some.Length)]);
        }
    }

    private void Fill(Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int buffered = Math.Min(_end - _start, destination.Length);
            if (buffered > 0)
            {
                _buffer.AsSpan(_start, buffered).CopyTo(destination);
                _start += buffered;
                destination = destination[buffered..];
            }
            else if (destination.Length >= _buffer.Length)
            {
                destination = destination[Receive(destination)..];
            }
            else
            {
                (_start, _end) = (0, Receive(_buffer));
            }
        }
    }

    private int Receive(Span<byte> destination)
    {
        Volatile.Write(ref _waitingSince, Stopwatch.GetTimestamp());
        int count = stream.Read(destination);
        Volatile.Write(ref _waitingSince, 0);
        Volatile.Write(ref _bytes, _bytes + count);
        return count > 0 ? count : throw new EndOfStreamException("the other side closed the connection");
    }
}
