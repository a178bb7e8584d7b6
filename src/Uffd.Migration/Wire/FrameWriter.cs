using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Puts frames on a stream, each as a whole, from any thread.</summary>
internal sealed class FrameWriter(Stream stream)
{
    private readonly Lock _lock = new();
    private readonly byte[] _small = new byte[FrameHeader.Bytes + FrameHeader.MaxHeadBytes];
    private uint _sequence;
    private long _writingSince;
    private long _bytes;

    /// <summary>Since when a write has been waiting (<see cref="Stopwatch"/>), or 0.</summary>
    public long WritingSince => Volatile.Read(ref _writingSince);

    /// <summary>How many bytes have gone.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Sends a message without pages.</summary>
    /// <exception cref="LinkException">The stream is broken.</exception>
    public void Write(FrameType type, ReadOnlySpan<byte> head)
    {
        lock (_lock)
        {
            new FrameHeader(type, head.Length, 0, _sequence, Crc32C.Of(head)).Write(_small);
            head.CopyTo(_small.AsSpan(FrameHeader.Bytes));
            Send(_small.AsSpan(0, FrameHeader.Bytes + head.Length));
        }
    }

    /// <summary>Sends one whose head and data stand in one buffer already, with room for the header before them.</summary>
    /// <param name="frame">The room, the head, the data.</param>
    /// <param name="headBytes">How long the head is.</param>
    public void WritePages(Span<byte> frame, int headBytes)
    {
        uint checksum = Crc32C.Of(frame.Slice(FrameHeader.Bytes, headBytes));
        lock (_lock)
        {
            new FrameHeader(FrameType.Pages, headBytes, frame.Length - FrameHeader.Bytes - headBytes, _sequence, checksum).Write(frame);
            Send(frame);
        }
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        Volatile.Write(ref _writingSince, Stopwatch.GetTimestamp());
        try
        {
            stream.Write(bytes);
            stream.Flush(); // TLS and others may hold bytes back
        }
        catch (Exception exception)
        {
            throw new LinkException(exception.Message, exception);
        }

        Volatile.Write(ref _writingSince, 0);
        Volatile.Write(ref _bytes, _bytes + bytes.Length);
        unchecked
        {
            _sequence++;
        }
    }
}
