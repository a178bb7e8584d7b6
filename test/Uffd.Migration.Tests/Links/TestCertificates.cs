using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Uffd.Migration.Tests.Links;

/// <summary>Authorities and what they have signed.</summary>
internal static class TestCertificates
{
    public static X509Certificate2 Authority { get; } = NewAuthority("authority");

    public static MigrationTls For(string name, string? expected = null) => new(Sign(Authority, name), Authority, expected);

    public static X509Certificate2 NewAuthority(string name)
    {
        var request = new CertificateRequest($"CN={name}", ECDsa.Create(ECCurve.NamedCurves.nistP256), HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    public static X509Certificate2 Sign(X509Certificate2 authority, string name, bool isExpired = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(name, out IPAddress? address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(name);
        }

        request.CertificateExtensions.Add(names.Build());
        byte[] serial = RandomNumberGenerator.GetBytes(8);
        serial[0] &= 0x7f;
        DateTime end = isExpired ? DateTime.UtcNow.AddMinutes(-10) : authority.NotAfter.ToUniversalTime();
        using X509Certificate2 signed = request.Create(authority, new DateTimeOffset(authority.NotBefore.ToUniversalTime()), new DateTimeOffset(end), serial);
        return signed.CopyWithPrivateKey(key);
    }
}
