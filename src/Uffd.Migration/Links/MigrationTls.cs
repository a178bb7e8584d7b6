using System.Security.Cryptography.X509Certificates;

namespace Uffd.Migration;

/// <summary>
/// How connections are encrypted (TLS 1.2 or 1.3), and how both sides know whom they talk to: each has a certificate, and trusts those that one authority has signed, and no others.
/// Nothing is looked up on the network, so a certificate that was revoked is not noticed: let them be short-lived.
/// </summary>
/// <param name="Certificate">This side's, with its key.</param>
/// <param name="Authority">Who must have signed the other side's: a certificate that is signed by itself.</param>
/// <param name="ExpectedName">
/// To connect: the name that the listener's certificate must have; null for the host's, and for any where the address is a Unix socket, which has none. To listen: the name that a
/// peer's must have; null for any.
/// </param>
public sealed record MigrationTls(X509Certificate2 Certificate, X509Certificate2 Authority, string? ExpectedName = null)
{
    /// <summary>Reads certificates and key from PEM files.</summary>
    /// <param name="certificatePath">This side's certificate.</param>
    /// <param name="keyPath">Its key.</param>
    /// <param name="authorityPath">The authority's certificate.</param>
    /// <param name="expectedName">As <see cref="ExpectedName"/>.</param>
    /// <exception cref="InvalidDataException">A file is no such thing, or the key is not the certificate's: the message says which.</exception>
    /// <exception cref="IOException">A file is missing.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static MigrationTls Load(string certificatePath, string keyPath, string authorityPath, string? expectedName = null)
    {
        ArgumentNullException.ThrowIfNull(certificatePath);
        ArgumentNullException.ThrowIfNull(keyPath);
        ArgumentNullException.ThrowIfNull(authorityPath);
        X509Certificate2 own = Read(() => X509Certificate2.CreateFromPemFile(certificatePath, keyPath), $"{certificatePath} and {keyPath} are no certificate in PEM and its key");
        try
        {
            return new MigrationTls(own, Read(() => X509CertificateLoader.LoadCertificateFromFile(authorityPath), $"{authorityPath} is no certificate"), expectedName);
        }
        catch
        {
            own.Dispose();
            throw;
        }
    }

    private static X509Certificate2 Read(Func<X509Certificate2> read, string otherwise)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is System.Security.Cryptography.CryptographicException or ArgumentException)
        {
            throw new InvalidDataException($"{otherwise}: {exception.Message}", exception);
        }
    }
}
