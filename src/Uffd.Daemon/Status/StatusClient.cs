using System.Buffers;
using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Uffd.Daemon;

/// <summary>A connection that asks a running daemon what it does, as often as one likes.</summary>
public sealed class StatusClient : IDisposable
{
    private const int MaxAnswerBytes = 64 << 20;

    private static readonly byte[] Request = Encoding.UTF8.GetBytes($$"""{"request":"{{StatusRequest.Name}}"}""" + "\n");

    private readonly FdChannel _channel;
    private readonly EventPoller _poller = new();
    private readonly byte[] _buffer = new byte[64 << 10];

    private StatusClient(FdChannel channel)
    {
        _channel = channel;
        _channel.SetNonBlocking(true);
        _poller.Add(channel.Handle, token: 1);
    }

    /// <summary>Connects to a daemon.</summary>
    /// <param name="socketPath">Its socket.</param>
    /// <exception cref="UffdException">Nobody listens there, or this user may not ask: says what to do.</exception>
    public static StatusClient Connect(string socketPath) => new(FdChannel.Connect(socketPath));

    /// <summary>Asks, and waits for the answer.</summary>
    /// <param name="timeout">How long.</param>
    /// <param name="cancellation">Ends the waiting; the connection is of no use then.</param>
    /// <exception cref="UffdException">The daemon refused, has ended, did not answer in time, or is no such daemon.</exception>
    public DaemonStatus Ask(TimeSpan timeout, CancellationToken cancellation = default)
    {
        using CancellationTokenRegistration waking = cancellation.Register(_poller.Wake);
        try
        {
            _channel.SendAvailable(Request); // shorter than what any socket takes at once
        }
        catch (UffdException exception) when (exception.Errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            // It has closed, and may have said why.
        }

        ReadOnlySpan<byte> line = ReceiveLine(timeout, cancellation).WrittenSpan;
        try
        {
            return line[0] == (byte)'{' && !line.StartsWith("{\"error\""u8)
                ? JsonSerializer.Deserialize(line, StatusJson.Default.DaemonStatus)!
                : throw new UffdException($"the daemon refused: {Encoding.UTF8.GetString(line).Trim()}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new UffdException("what answers there is no uffd daemon: its answer is no status", exception);
        }
    }

    /// <summary>Closes the connection.</summary>
    public void Dispose()
    {
        _poller.Dispose();
        _channel.Dispose();
    }

    private ArrayBufferWriter<byte> ReceiveLine(TimeSpan timeout, CancellationToken cancellation)
    {
        var line = new ArrayBufferWriter<byte>();
        var descriptors = new List<SafeDescriptorHandle>();
        long started = Stopwatch.GetTimestamp();
        Span<PollResult> ready = stackalloc PollResult[1];
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                throw new UffdException($"the daemon did not answer within {timeout.TotalSeconds:0.#} s");
            }

            FdReceiveResult result = Receive(descriptors);
            if (result.IsEnd)
            {
                throw new UffdException("the daemon has closed the connection: it is stopping, or has ended");
            }

            line.Write(_buffer.AsSpan(0, result.Bytes));
            if (result.Bytes > 0 && _buffer[result.Bytes - 1] == (byte)'\n')
            {
                return line;
            }

            if (line.WrittenCount > MaxAnswerBytes)
            {
                throw new UffdException("what answers there is no uffd daemon: its answer does not end");
            }

            if (result.WouldBlock)
            {
                _poller.Wait(ready, left);
            }
        }
    }

    private FdReceiveResult Receive(List<SafeDescriptorHandle> descriptors)
    {
        try
        {
            return _channel.Receive(_buffer, descriptors);
        }
        catch (UffdException exception) when (exception.Errno == Errno.ECONNRESET)
        {
            return new FdReceiveResult(0, WouldBlock: false, DescriptorsTruncated: false); // it closed without reading the request
        }
        finally
        {
            descriptors.ForEach(descriptor => descriptor.Dispose()); // nothing was asked for that comes with one
            descriptors.Clear();
        }
    }
}
