using System.Security.Cryptography.X509Certificates;

namespace Uffd.Migration.Tests.Links;

/// <summary>Both sides must be whom the other expects.</summary>
public sealed class TlsTests
{
    [Fact]
    public async Task Name_of_the_listener_is_the_hosts_unless_another_is_told()
    {
        await AcceptsAsync(TestCertificates.For("127.0.0.1"), TestCertificates.For("client"));
        await AcceptsAsync(TestCertificates.For("pages.example"), TestCertificates.For("client", expected: "pages.example"));
        Assert.Contains("is not 127.0.0.1's", await RefusesAsync(TestCertificates.For("pages.example"), TestCertificates.For("client")), StringComparison.Ordinal);
        Assert.Contains("is not pages.example's", await RefusesAsync(TestCertificates.For("127.0.0.1"), TestCertificates.For("client", expected: "pages.example")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Name_of_who_connects_is_checked_where_one_is_told()
    {
        await AcceptsAsync(TestCertificates.For("127.0.0.1", expected: "client"), TestCertificates.For("client"));
        Assert.Contains("this side's certificate", await RefusesAsync(TestCertificates.For("127.0.0.1", expected: "other"), TestCertificates.For("client")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Authority_must_be_the_same()
    {
        using X509Certificate2 other = TestCertificates.NewAuthority("authority"); // of the same name
        MigrationTls foreign = new(TestCertificates.Sign(other, "127.0.0.1"), TestCertificates.Authority);
        Assert.Contains("the authority", await RefusesAsync(foreign, TestCertificates.For("client")), StringComparison.Ordinal);
        Assert.Contains("this side's certificate", await RefusesAsync(TestCertificates.For("127.0.0.1"), foreign), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Expired_certificates_are_refused()
    {
        MigrationTls expired = new(TestCertificates.Sign(TestCertificates.Authority, "127.0.0.1", isExpired: true), TestCertificates.Authority);
        Assert.Contains("NotTimeValid", await RefusesAsync(expired, TestCertificates.For("client")), StringComparison.Ordinal);
        Assert.Contains("this side's certificate", await RefusesAsync(TestCertificates.For("127.0.0.1"), expired), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plain_and_encrypted_do_not_meet()
    {
        Assert.Contains("does it want TLS?", await RefusesAsync(TestCertificates.For("127.0.0.1"), null), StringComparison.Ordinal);
        Assert.Contains("this side's certificate", await RefusesAsync(null, TestCertificates.For("client")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificates_are_read_from_files()
    {
        using var folder = new TemporaryFolder();
        MigrationTls made = TestCertificates.For("127.0.0.1");
        await File.WriteAllTextAsync(folder.File("cert"), made.Certificate.ExportCertificatePem(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("key"), made.Certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("ca"), made.Authority.ExportCertificatePem(), TestContext.Current.CancellationToken);
        MigrationTls read = MigrationTls.Load(folder.File("cert"), folder.File("key"), folder.File("ca"));
        await AcceptsAsync(read, read);
        Assert.Contains("key", Assert.Throws<InvalidDataException>(() => MigrationTls.Load(folder.File("cert"), folder.File("ca"), folder.File("ca"))).Message, StringComparison.Ordinal);
        Assert.Contains("is no certificate", Assert.Throws<InvalidDataException>(() => MigrationTls.Load(folder.File("cert"), folder.File("key"), folder.File("key"))).Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => MigrationTls.Load(folder.File("cert"), folder.File("none"), folder.File("ca")));
    }

    private static async Task AcceptsAsync(MigrationTls? listening, MigrationTls? connecting)
    {
        (MigrationListener listener, Task<MigrationLink> connected) = Start(listening, connecting);
        using (listener)
        {
            using MigrationLink there = await listener.AcceptAsync(TestContext.Current.CancellationToken).WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
            using MigrationLink here = await connected;
            here.Streams[0].WriteByte(5);
            Assert.Equal(5, there.Streams[0].ReadByte());
        }
    }

    private static async Task<string> RefusesAsync(MigrationTls? listening, MigrationTls? connecting)
    {
        (MigrationListener listener, Task<MigrationLink> connected) = Start(listening, connecting);
        using (listener)
        {
            IOException refusal = await Assert.ThrowsAnyAsync<IOException>(() => connected.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
            Assert.StartsWith("cannot connect to 127.0.0.1:", refusal.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("longer than", refusal.Message, StringComparison.Ordinal);
            return refusal.Message;
        }
    }

    private static (MigrationListener Listener, Task<MigrationLink> Connected) Start(MigrationTls? listening, MigrationTls? connecting)
    {
        var options = new MigrationLinkOptions { ConnectTimeout = LinkPair.Patience };
        MigrationListener listener = MigrationListener.Listen(new MigrationAddress("127.0.0.1", 0, null), options with { Tls = listening });
        return (listener, new MigrationConnector(listener.Address, options with { Tls = connecting, Connections = 2 }).ConnectAsync(Guid.NewGuid(), TestContext.Current.CancellationToken));
    }
}
