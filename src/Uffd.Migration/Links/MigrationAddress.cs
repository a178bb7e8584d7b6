using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Uffd.Migration;

/// <summary>Where a migration's other side is, or listens: <c>HOST:PORT</c>, <c>[::1]:PORT</c>, or <c>unix:PATH</c>.</summary>
/// <param name="Host">A name or an address; empty for a Unix socket. To listen: <c>*</c> for every address.</param>
/// <param name="Port">1 to 65535, or 0 to listen on any that is free.</param>
/// <param name="Path">The Unix socket's path, or null.</param>
public sealed record MigrationAddress(string Host, int Port, string? Path)
{
    private const string UnixPrefix = "unix:";
    private const int MaxNameLength = 253; // of the domain name system

    /// <summary>Whether it is a Unix socket.</summary>
    public bool IsUnix => Path is not null;

    /// <summary>Reads one.</summary>
    /// <param name="text">What was typed.</param>
    /// <param name="address">The address.</param>
    /// <returns>False when it is none.</returns>
    public static bool TryParse(string text, out MigrationAddress? address)
    {
        ArgumentNullException.ThrowIfNull(text);
        address = null;
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            string path = text[UnixPrefix.Length..];
            address = path.Length > 0 && !path.Contains('\0', StringComparison.Ordinal) ? new MigrationAddress("", 0, path) : null;
            return address is not null;
        }

        int colon = text.LastIndexOf(':');
        if (colon <= 0 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port > IPEndPoint.MaxPort)
        {
            return false;
        }

        string host = text[..colon];
        if (host is ['[', .. var inner, ']'])
        {
            address = IPAddress.TryParse(inner, out IPAddress? parsed) && parsed.AddressFamily == AddressFamily.InterNetworkV6 ? new MigrationAddress(inner, port, null) : null;
        }
        else if (string.Equals(host, "*", StringComparison.Ordinal) || (host.Length <= MaxNameLength && Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4))
        {
            address = new MigrationAddress(host, port, null);
        }

        return address is not null;
    }

    /// <summary>As it is typed.</summary>
    public override string ToString()
        => Path is not null ? UnixPrefix + Path : string.Create(CultureInfo.InvariantCulture, $"{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");
}
