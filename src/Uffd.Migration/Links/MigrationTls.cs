using System.Security.Cryptography.X509Certificates;

namespace Uffd.Migration;

/// <summary>How connections are encrypted, and how both sides know whom they talk to: each has a certificate, and trusts those that one authority has signed.</summary>
/// <param name="Certificate">This side's, with its key.</param>
/// <param name="Authority">Who must have signed the other side's.</param>
/// <param name="ExpectedName">To connect: the name that the listener's certificate must have; null for the host's. To listen: the name that a peer's must have; null for any.</param>
public sealed record MigrationTls(X509Certificate2 Certificate, X509Certificate2 Authority, string? ExpectedName = null);
