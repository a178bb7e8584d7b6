using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Uffd.Bench;

/// <summary>
/// A way between two processes on which bytes take their time: a TCP port that forwards to another, each piece half a round trip after it came, at any rate. What is on the way is
/// bounded; when that is full the sender has to wait, as on a network.
/// </summary>
internal sealed partial class DelayProxy : IDisposable
{
    private const long MaxBytes = 256L << 20;
    private const int PieceBytes = 128 << 10;

    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly SemaphoreSlim room = new((int)(MaxBytes / PieceBytes));
    private readonly List<Socket> sockets = [];
    private readonly int target;
    private readonly long ticks;

    /// <param name="target">The port of this host that it forwards to.</param>
    /// <param name="roundTrip">How long a question and its answer take on the way together.</param>
    public DelayProxy(int target, TimeSpan roundTrip)
    {
        this.target = target;
        ticks = (long)(roundTrip.TotalSeconds / 2 * Stopwatch.Frequency);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Start(Accept, "bench-delay-accept");
    }

    /// <summary>Where to connect.</summary>
    public int Port => ((IPEndPoint)listener.LocalEndPoint!).Port;

    public void Dispose()
    {
        listener.Dispose();
        lock (sockets)
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                var near = listener.Accept();
                var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                lock (sockets)
                {
                    sockets.AddRange([near, far]);
                }

                far.Connect(IPAddress.Loopback, target);
                near.NoDelay = far.NoDelay = true;
                Forward(near, far);
                Forward(far, near);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // the end
        }
    }

    private void Forward(Socket from, Socket to)
    {
        var pieces = new Queue<(long Due, byte[] Bytes, int Count)>();
        Start(() => Take(from, pieces), "bench-delay-in");
        Start(() => Give(to, pieces), "bench-delay-out");
    }

    private void Take(Socket from, Queue<(long Due, byte[] Bytes, int Count)> pieces)
    {
        int count;
        do
        {
            // However little comes, it takes the room of a whole piece, because it has its buffer.
            room.Wait();
            var bytes = System.Buffers.ArrayPool<byte>.Shared.Rent(PieceBytes);
            count = Receive(from, bytes);
            lock (pieces)
            {
                pieces.Enqueue((Stopwatch.GetTimestamp() + ticks, bytes, count));
                Monitor.Pulse(pieces);
            }
        }
        while (count > 0);
    }

    private void Give(Socket to, Queue<(long Due, byte[] Bytes, int Count)> pieces)
    {
        _ = Prctl(PR_SET_TIMERSLACK, 1); // nanoseconds; 50,000 otherwise
        while (true)
        {
            (long Due, byte[] Bytes, int Count) piece;
            lock (pieces)
            {
                while (!pieces.TryDequeue(out piece))
                {
                    Monitor.Wait(pieces);
                }
            }

            SleepUntil(piece.Due);
            try
            {
                if (piece.Count == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return;
                }

                to.Send(piece.Bytes.AsSpan(0, piece.Count));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                to.Dispose(); // and the other direction's reader ends with it
            }
            finally
            {
                System.Buffers.ArrayPool<byte>.Shared.Return(piece.Bytes);
                room.Release();
            }
        }
    }

    private static int Receive(Socket from, byte[] bytes)
    {
        try
        {
            return from.Receive(bytes);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return 0;
        }
    }

    private static void Start(Action work, string name) => new Thread(() => work()) { IsBackground = true, Name = name }.Start();

    private static void SleepUntil(long due)
    {
        for (var left = due - Stopwatch.GetTimestamp(); left > 0; left = due - Stopwatch.GetTimestamp())
        {
            var nanoseconds = (long)(left * (1e9 / Stopwatch.Frequency));
            _ = NanoSleep(new Timespec(nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000), 0);
        }
    }

    private const int PR_SET_TIMERSLACK = 29;

    [LibraryImport("libc", EntryPoint = "nanosleep")]
    private static partial int NanoSleep(in Timespec time, nint remaining);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Prctl(int option, nint value);

    private readonly record struct Timespec(long Seconds, long Nanoseconds);
}
