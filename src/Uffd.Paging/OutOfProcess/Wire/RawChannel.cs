using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// Messages over a Unix socket: four bytes of length, little-endian, and so many bytes of JSON. One thread receives; any may send.
/// </summary>
internal sealed class RawChannel : IDisposable
{
    /// <summary>The longest message, in bytes.</summary>
    public const int MostBytes = 256 << 10;

    private const int MostDescriptors = 8;
    private const int HeaderBytes = sizeof(int);

    private readonly FdChannel _channel;
    private readonly Lock _sending = new();
    private readonly byte[] _part = new byte[16 << 10];
    private byte[] _pending = [];

    /// <param name="channel">Owned from now on.</param>
    public RawChannel(FdChannel channel)
    {
        _channel = channel;
        channel.SetNonBlocking(false);
    }

    /// <summary>The socket, to poll.</summary>
    public SafeDescriptorHandle Handle => _channel.Handle;

    /// <summary>What came with the messages so far. Whoever takes one owns it.</summary>
    public List<SafeDescriptorHandle> Descriptors { get; } = [];

    /// <summary>The process on the other end, or null when it has gone.</summary>
    public ProcessHandle? OpenPeerProcess() => _channel.OpenPeerProcess();

    /// <summary>Who is on the other end.</summary>
    public PeerCredentials GetPeer() => _channel.GetPeer();

    /// <summary>Sends a message, with descriptors, which stay the caller's.</summary>
    /// <exception cref="UffdException">The other side has closed.</exception>
    public void Send(RawMessage message, params ReadOnlySpan<SafeDescriptorHandle> descriptors)
    {
        byte[] text = RawJson.Write(message);
        byte[] frame = new byte[HeaderBytes + text.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, text.Length);
        text.CopyTo(frame, HeaderBytes);
        lock (_sending)
        {
            _channel.Send(frame, descriptors);
        }
    }

    /// <summary>Takes a message out of what has been received.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public bool TryTake([NotNullWhen(true)] out RawMessage? message)
    {
        message = null;
        if (_pending.Length < HeaderBytes)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(_pending);
        if (length is <= 0 or > MostBytes)
        {
            throw new InvalidDataException($"a message of {length} bytes: at most {MostBytes} are allowed");
        }

        if (_pending.Length - HeaderBytes < length)
        {
            return false;
        }

        message = RawJson.Read(_pending.AsSpan(HeaderBytes, length));
        _pending = _pending[(HeaderBytes + length)..];
        return true;
    }

    /// <summary>Receives once; waits where nothing has come.</summary>
    /// <returns>False when the other side has closed.</returns>
    /// <exception cref="InvalidDataException">It sends descriptors that nobody asked for.</exception>
    /// <exception cref="UffdException">The connection has failed.</exception>
    public bool Receive()
    {
        FdReceiveResult result = _channel.Receive(_part, Descriptors);
        if (Descriptors.Count > MostDescriptors || result.DescriptorsTruncated)
        {
            throw new InvalidDataException("more descriptors than a message has");
        }

        _pending = [.. _pending, .. _part.AsSpan(0, result.Bytes)];
        return !result.IsEnd;
    }

    /// <summary>Receives until there is a message.</summary>
    /// <returns>Null when the other side has closed.</returns>
    /// <exception cref="TimeoutException">None has come.</exception>
    public RawMessage? Receive(TimeSpan timeout)
    {
        using var poller = new EventPoller();
        poller.Add(Handle, 1);
        Span<PollResult> ready = stackalloc PollResult[1];
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            if (TryTake(out RawMessage? message))
            {
                return message;
            }

            TimeSpan left = timeout - System.Diagnostics.Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                throw new TimeoutException($"no message within {timeout.TotalSeconds} s");
            }

            if (poller.Wait(ready, left) > 0 && !Receive())
            {
                return null;
            }
        }
    }

    /// <summary>Takes the descriptors that a message came with.</summary>
    /// <exception cref="InvalidDataException">There is another number of them.</exception>
    public SafeDescriptorHandle[] TakeDescriptors(int count)
    {
        if (Descriptors.Count != count)
        {
            throw new InvalidDataException($"{Descriptors.Count} descriptors where {count} belong");
        }

        SafeDescriptorHandle[] taken = [.. Descriptors];
        Descriptors.Clear();
        return taken;
    }

    /// <summary>Makes a <see cref="Receive()"/> that waits return as if the other side had closed.</summary>
    public void ShutDown() => _channel.ShutDownReceiving();

    public void Dispose()
    {
        _channel.Dispose();
        Descriptors.ForEach(descriptor => descriptor.Dispose());
        Descriptors.Clear();
    }
}
