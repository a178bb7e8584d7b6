using System.Net.Sockets;
using System.Security.Authentication;

namespace Uffd.Migration;

/// <summary>What can go wrong with a connection, and how it is told.</summary>
internal static class LinkFailure
{
    /// <summary>Whether an exception is of a connection, and not of this program.</summary>
    public static bool IsOfConnection(Exception exception)
        => exception is IOException or SocketException or AuthenticationException or ObjectDisposedException
            or System.ComponentModel.Win32Exception or System.Security.Cryptography.CryptographicException
            or InvalidOperationException; // of an SslStream that is closed while it shakes hands

    /// <summary>In words.</summary>
    public static string Describe(SocketException exception) => exception.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "the address is in use",
        SocketError.AddressNotAvailable => "it is not an address of this host",
        SocketError.AccessDenied => "it is not allowed",
        SocketError.ConnectionRefused => "nobody listens there",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "there is no host of that name",
        SocketError.HostUnreachable or SocketError.NetworkUnreachable => "the host cannot be reached",
        SocketError.TimedOut => "it does not answer",
        _ => exception.Message,
    };
}
