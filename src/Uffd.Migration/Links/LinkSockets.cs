using System.Net;
using System.Net.Sockets;

namespace Uffd.Migration;

/// <summary>
/// Sockets as links want them. They block: a thread that reads or writes makes one call to the kernel, with no event loop in between, so no asynchronous operation may ever be
/// started on them (.NET would make them non-blocking for good).
/// </summary>
internal static class LinkSockets
{
    /// <summary>A socket to connect with.</summary>
    public static Socket Create(EndPoint address)
    {
        bool isUnix = address is UnixDomainSocketEndPoint;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            Prepare(socket, isUnix);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Sets what every connection of a link has. Not the buffers' sizes: on loopback no size was quicker than the kernel's own by more than runs differ, neither of TCP nor of a Unix
    /// socket, and TCP's would not grow any more with a slow network's need.
    /// </summary>
    public static void Prepare(Socket socket, bool isUnix)
    {
        if (isUnix)
        {
            return;
        }

        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 10);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
    }

    /// <summary>The user whose process is at the other end of a Unix socket.</summary>
    public static uint UserOf(Socket socket)
    {
        using var channel = new FdChannel(new SafeDescriptorHandle(socket.SafeHandle.DangerousGetHandle()));
        try
        {
            return channel.GetPeer().UserId;
        }
        finally
        {
            channel.Handle.SetHandleAsInvalid(); // it is the socket's
        }
    }
}
