using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Uffd.Bench;

/// <summary>What a migration is compared with: one TCP stream between the same two processes that carries the same bytes and does nothing else, and one that asks and answers.</summary>
internal static unsafe class PlainStream
{
    public const byte IntoWhole = 1;
    public const byte IntoSmall = 2;
    public const byte Answers = 3;

    private const int PieceBytes = 256 << 10;
    private const int QuestionBytes = 16;
    private const int AnswerBytes = 4096;

    /// <summary>Sends memory.</summary>
    /// <param name="port">The other side's.</param>
    /// <param name="into">Whether it is received into memory of the same size, or into a small buffer again and again.</param>
    /// <param name="address">The memory.</param>
    /// <param name="length">Its bytes.</param>
    /// <returns>The seconds until the other side has said that it has all.</returns>
    public static double Send(int port, byte into, ulong address, ulong length)
    {
        using var socket = Connect(port, into);
        var started = Stopwatch.GetTimestamp();
        for (ulong sent = 0; sent < length;)
        {
            sent += (ulong)socket.Send(new ReadOnlySpan<byte>((void*)(address + sent), (int)Math.Min(PieceBytes, length - sent))); // whole pages of this process's own
        }

        socket.Shutdown(SocketShutdown.Send);
        Expect(socket, 1);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Asks and waits, again and again.</summary>
    /// <returns>The nanoseconds of each.</returns>
    public static ulong[] Ask(int port, int count)
    {
        using var socket = Connect(port, Answers);
        Span<byte> question = stackalloc byte[QuestionBytes];
        Span<byte> answer = stackalloc byte[AnswerBytes];
        var samples = new ulong[count];
        for (var index = 0; index < count; index++)
        {
            var started = Stopwatch.GetTimestamp();
            socket.Send(question);
            Fill(socket, answer);
            samples[index] = (ulong)Stopwatch.GetElapsedTime(started).TotalNanoseconds;
        }

        return samples;
    }

    /// <summary>Serves both, on a thread of its own, until the process ends.</summary>
    /// <param name="whole">Memory of the size that is sent, warm.</param>
    /// <param name="length">Its bytes.</param>
    /// <returns>The port.</returns>
    public static int Listen(ulong whole, ulong length)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var thread = new Thread(() =>
        {
            while (true)
            {
                using var socket = listener.Accept();
                socket.NoDelay = true;
                Serve(socket, whole, length);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    private static void Serve(Socket socket, ulong whole, ulong length)
    {
        var asked = Expect(socket, 1);
        if (asked == Answers)
        {
            Span<byte> question = stackalloc byte[QuestionBytes];
            Span<byte> answer = stackalloc byte[AnswerBytes];
            while (TryFill(socket, question))
            {
                socket.Send(answer);
            }

            return;
        }

        Span<byte> small = new byte[PieceBytes];
        for (ulong received = 0; received < length;)
        {
            var piece = (int)Math.Min(PieceBytes, length - received);
            var count = socket.Receive(asked == IntoSmall ? small[..piece] : new Span<byte>((void*)(whole + received), piece));
            if (count == 0)
            {
                return;
            }

            received += (ulong)count;
        }

        socket.Send([1]);
    }

    private static Socket Connect(int port, byte what)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, port);
        socket.NoDelay = true;
        socket.Send([what]);
        return socket;
    }

    private static byte Expect(Socket socket, int bytes)
    {
        Span<byte> said = stackalloc byte[bytes];
        Fill(socket, said);
        return said[0];
    }

    private static void Fill(Socket socket, Span<byte> buffer)
    {
        if (!TryFill(socket, buffer))
        {
            throw new BenchException("the other process closed a plain stream");
        }
    }

    private static bool TryFill(Socket socket, Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var count = socket.Receive(buffer);
            if (count == 0)
            {
                return false;
            }

            buffer = buffer[count..];
        }

        return true;
    }
}
