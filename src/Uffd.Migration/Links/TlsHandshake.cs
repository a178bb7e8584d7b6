using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Uffd.Migration;

/// <summary>Makes a connection an encrypted one whose both ends know each other.</summary>
internal static class TlsHandshake
{
    private const SslProtocols Protocols = SslProtocols.Tls12 | SslProtocols.Tls13;

    /// <summary>As the side that connects. Blocks.</summary>
    /// <param name="inner">Owned by the result, and closed when this fails.</param>
    /// <param name="tls">How.</param>
    /// <param name="host">The host that was connected to, or empty.</param>
    /// <exception cref="AuthenticationException">The other side is not whom it should be, or does not take this one for that.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static SslStream Connect(Stream inner, MigrationTls tls, string host)
    {
        string name = tls.ExpectedName ?? host;
        var peer = new PeerCheck(name.Length == 0 ? null : name);
        SslStream stream = Wrap(inner);
        try
        {
            stream.AuthenticateAsClient(new SslClientAuthenticationOptions
            {
                TargetHost = name.Length == 0 || IPAddress.TryParse(name, out _) ? "" : name, // an address is no name to be told (RFC 6066)
                ClientCertificateContext = SslStreamCertificateContext.Create(tls.Certificate, additionalCertificates: null, offline: true),
                EnabledSslProtocols = Protocols,
                CertificateChainPolicy = Trust(tls.Authority),
                RemoteCertificateValidationCallback = peer.Check,
                AllowTlsResume = false,
                AllowRenegotiation = false,
            });
            return stream;
        }
        catch (AuthenticationException exception) when (peer.Refusal is { } refusal)
        {
            stream.Dispose();
            throw new AuthenticationException(refusal, exception);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>As the side that listens. Blocks.</summary>
    /// <param name="inner">Owned by the result, and closed when this fails.</param>
    /// <param name="tls">How.</param>
    /// <exception cref="AuthenticationException">The other side is not whom it should be.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static SslStream Accept(Stream inner, MigrationTls tls)
    {
        SslStream stream = Wrap(inner);
        try
        {
            stream.AuthenticateAsServer(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(tls.Certificate, additionalCertificates: null, offline: true),
                ClientCertificateRequired = true,
                EnabledSslProtocols = Protocols,
                CertificateChainPolicy = Trust(tls.Authority),
                RemoteCertificateValidationCallback = new PeerCheck(tls.ExpectedName).Check,
                AllowTlsResume = false,
                AllowRenegotiation = false,
            });
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static SslStream Wrap(Stream inner)
    {
        try
        {
            return new SslStream(inner, leaveInnerStreamOpen: false);
        }
        catch (ArgumentException exception)
        {
            throw new IOException("the connection was closed", exception); // it cannot be read any more
        }
    }

    private static X509ChainPolicy Trust(X509Certificate2 authority) => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { authority },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    /// <summary>Judges the other side's certificate; its name by itself, because the one that is told when connecting is not always the one that is expected.</summary>
    private sealed class PeerCheck(string? name)
    {
        public string? Refusal { get; private set; }

        public bool Check(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        {
            if (certificate is not X509Certificate2 shown || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            {
                Refusal = "the other side shows no certificate";
            }
            else if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            {
                string why = string.Join(", ", chain?.ChainStatus.Select(status => status.Status.ToString()) ?? []);
                Refusal = $"the other side's certificate ({shown.Subject}) is not one that the authority has signed for this, or not valid now: {why}";
            }
            else if (name is not null && !shown.MatchesHostname(name, allowWildcards: true, allowCommonName: false))
            {
                Refusal = $"the other side's certificate ({shown.Subject}) is not {name}'s";
            }

            return Refusal is null;
        }
    }
}
