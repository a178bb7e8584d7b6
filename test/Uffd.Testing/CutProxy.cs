using System.Net;
using System.Net.Sockets;

namespace Uffd.Testing;

/// <summary>A way to a TCP port of this host that can be cut: all that goes over it is closed at once, and nothing goes over it while it stays cut.</summary>
public sealed class CutProxy : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Lock _lock = new();
    private readonly List<Socket> _open = [];
    private bool _isCut;

    /// <summary>Forwards from now on.</summary>
    /// <param name="target">The port to forward to; may be changed later.</param>
    public CutProxy(int target)
    {
        Target = target;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>Where to connect.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>The port that connections are forwarded to from now on.</summary>
    public int Target { get; set; }

    /// <summary>Cuts what goes over it.</summary>
    /// <param name="stays">Whether it stays cut, until <see cref="Mend"/>.</param>
    public void Cut(bool stays = false)
    {
        Socket[] open;
        lock (_lock)
        {
            _isCut = stays;
            open = [.. _open];
            _open.Clear();
        }

        foreach (Socket socket in open)
        {
            socket.Dispose();
        }
    }

    /// <summary>Lets connections through again.</summary>
    public void Mend()
    {
        lock (_lock)
        {
            _isCut = false;
        }
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _listener.Dispose();
        Cut(stays: true);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket near = await _listener.AcceptAsync();
                _ = ForwardAsync(near);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // the end
        }
    }

    private async Task ForwardAsync(Socket near)
    {
        using Socket there = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using Socket here = near;
        near.NoDelay = true;
        lock (_lock)
        {
            if (_isCut)
            {
                return;
            }

            _open.AddRange([near, there]);
        }

        try
        {
            await there.ConnectAsync(IPAddress.Loopback, Target);
            await Task.WhenAny(CopyAsync(near, there), CopyAsync(there, near)).Unwrap();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // cut, or nobody is there
        }
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        byte[] piece = new byte[16 << 10];
        for (int count; (count = await from.ReceiveAsync(piece)) > 0;)
        {
            for (int sent = 0; sent < count;)
            {
                sent += await to.SendAsync(piece.AsMemory(sent, count - sent));
            }
        }
    }
}
