using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Uffd.Tool.Tests.Serving;

/// <summary><c>uffd page-server</c>, <c>uffd serve --from</c> and a client, all as processes.</summary>
public sealed class PageServerTests
{
    [Theory]
    [InlineData("127.0.0.1:0", false)]
    [InlineData("unix", false)]
    [InlineData("127.0.0.1:0", true)]
    public async Task Every_page_comes_from_the_other_host(string where, bool isEncrypted)
    {
        using var image = new ServedImage();
        string[] certificates = isEncrypted ? WriteCertificates(image) : [];
        (ServeProcess server, string address) = await ServeProcess.StartPageServerAsync(image.Path, where is "unix" ? $"unix:{image.FilePath("pages")}" : where, certificates);
        await using (server)
        {
            await using ServeProcess serve = await ServeProcess.StartFromAsync(image.Socket, address, certificates);
            Assert.StartsWith($"{address}: has 256 KiB, image@", await serve.ReadLineAsync(), StringComparison.Ordinal);
            await using NativeTarget target = await image.StartTargetAsync();
            await image.HandOverAsync(target);
            await image.VerifyAsync(target);
            Assert.Equal(ExitCodes.Done, (await serve.StopAsync()).ExitCode);
            ToolRun run = await server.StopAsync();
            Assert.Equal(ExitCodes.Done, run.ExitCode);
            Assert.Empty(run.Error);
            Assert.EndsWith("stopped\n", run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Connection_that_is_cut_is_made_again_and_no_page_is_lost()
    {
        using var image = new ServedImage();
        (ServeProcess server, string address) = await ServeProcess.StartPageServerAsync(image.Path, "127.0.0.1:0");
        await using (server)
        {
            using var way = new CutProxy(int.Parse(address.Split(':')[^1], CultureInfo.InvariantCulture));
            await using ServeProcess serve = await ServeProcess.StartFromAsync(image.Socket, string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{way.Port}"), "--no-background");
            await using NativeTarget target = await image.StartTargetAsync();
            await image.HandOverAsync(target);
            Assert.Equal(image.Bytes[5 << 12], (await target.TouchAsync(5 << 12)).Value);
            way.Cut(stays: true);
            await serve.WaitForLineAsync("the connection broke");
            TargetJob touch = await ServedImage.BeginStuckTouchAsync(target); // it waits; it does not read zeros
            Assert.False(await touch.IsDoneAsync());
            way.Mend();
            await serve.WaitForLineAsync("it goes on over another connection");
            Assert.Equal(image.Bytes[0], Assert.Single(await touch.JoinTouchesAsync()).Value);
            await image.VerifyAsync(target);
        }
    }

    [Fact]
    public async Task Server_that_is_killed_and_started_again_is_gone_on_with()
    {
        using var image = new ServedImage();
        string address = $"unix:{image.FilePath("pages")}";
        (ServeProcess first, _) = await ServeProcess.StartPageServerAsync(image.Path, address);
        await using (first)
        {
            await using ServeProcess serve = await ServeProcess.StartFromAsync(image.Socket, address, "--no-background");
            await using NativeTarget target = await image.StartTargetAsync();
            await image.HandOverAsync(target);
            first.Signal(ServeProcess.SigKill);
            await first.EndAsync();
            await serve.WaitForLineAsync("the connection broke");
            TargetJob touch = await ServedImage.BeginStuckTouchAsync(target);
            (ServeProcess second, _) = await ServeProcess.StartPageServerAsync(image.Path, address);
            await using (second)
            {
                Assert.Equal(image.Bytes[0], Assert.Single(await touch.JoinTouchesAsync()).Value);
                await image.VerifyAsync(target);
            }
        }
    }

    [Fact]
    public async Task Server_that_is_gone_for_good_is_given_up_as_ordered_and_its_pages_are_SIGBUS()
    {
        using var image = new ServedImage();
        (ServeProcess server, string address) = await ServeProcess.StartPageServerAsync(image.Path, "127.0.0.1:0");
        await using (server)
        {
            await using ServeProcess serve = await ServeProcess.StartFromAsync(image.Socket, address, "--no-background", "--give-up-after", "300ms");
            await using NativeTarget target = await image.StartTargetAsync();
            await image.HandOverAsync(target);
            Assert.Equal(image.Bytes[4096], (await target.TouchAsync(4096)).Value);
            server.Signal(ServeProcess.SigKill);
            await server.EndAsync();
            TargetJob touch = await ServedImage.BeginStuckTouchAsync(target);
            await serve.WaitForLineAsync("is given up: pages that are missing cannot be had any more");
            Assert.Equal(TouchResult.Sigbus, Assert.Single(await touch.JoinTouchesAsync()));
            Assert.Equal(TouchResult.Sigbus, await target.TouchAsync((ulong)image.Bytes.Length - 1));
            Assert.Equal(image.Bytes[4096], (await target.TouchAsync(4096)).Value);
            Assert.Equal(ExitCodes.Done, (await serve.StopAsync()).ExitCode);
        }
    }

    [Fact]
    public async Task Page_server_that_is_stopped_serves_its_clients_until_they_leave()
    {
        using var image = new ServedImage();
        (ServeProcess server, string address) = await ServeProcess.StartPageServerAsync(image.Path, "127.0.0.1:0", "--json");
        await using (server)
        {
            await using ServeProcess serve = await ServeProcess.StartFromAsync(image.Socket, address, "--no-background");
            await using NativeTarget target = await image.StartTargetAsync();
            await image.HandOverAsync(target);
            server.Signal(ServeProcess.SigTerm);
            Assert.Contains("serving the 1 clients", await server.WaitForLineAsync("\"draining\""), StringComparison.Ordinal);
            await image.VerifyAsync(target);
            Assert.Equal(ExitCodes.Done, (await serve.StopAsync()).ExitCode);
            ToolRun run = await server.EndAsync();
            Assert.Equal(ExitCodes.Done, run.ExitCode);
            Assert.Contains("client 1: has left", run.Output, StringComparison.Ordinal);
            Assert.Contains("\"stopped\"", run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Nobody_to_fetch_from_is_one_line()
    {
        using var image = new ServedImage();
        ToolRun run = ToolProcess.Run("serve", "--socket", image.Socket, "--from", $"unix:{image.FilePath("none")}");
        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.StartsWith($"uffd: cannot connect to unix:{image.FilePath("none")}: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        (ServeProcess server, string address) = await ServeProcess.StartPageServerAsync(image.Path, "127.0.0.1:0");
        await using (server)
        {
            run = ToolProcess.Run("page-server", "--image", image.Path, "--listen", address);
            Assert.Equal(ExitCodes.Failed, run.ExitCode);
            Assert.Equal($"uffd: cannot listen on {address}: the address is in use", Assert.Single(run.ErrorLines));
        }
    }

    [Theory]
    [InlineData("--from wants HOST:PORT or unix:PATH, not 'nowhere'", "serve", "--socket", "s", "--from", "nowhere")]
    [InlineData("--image and --from exclude each other", "serve", "--socket", "s", "--from", "h:1", "--image", "i")]
    [InlineData("option '--image' is required, or --from in its place", "serve", "--socket", "s")]
    [InlineData("--cert, --key and --ca belong together", "serve", "--socket", "s", "--from", "h:1", "--cert", "c")]
    [InlineData("--connections wants 1 to 16", "serve", "--socket", "s", "--from", "h:1", "--connections", "17")]
    [InlineData("--give-up-after, --connections, --cert, --key and --ca are for --from", "serve", "--socket", "s", "--image", "i", "--give-up-after", "1s")]
    [InlineData("--diff lies over an --image: give it to the page server", "serve", "--socket", "s", "--from", "h:1", "--diff", "d")]
    [InlineData("--listen wants HOST:PORT or unix:PATH, not '7000'", "page-server", "--image", "i", "--listen", "7000")]
    public void Wrong_arguments(string why, params string[] arguments)
    {
        ToolRun run = ToolProcess.Run(arguments);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Equal($"uffd: {why}; see uffd {arguments[0]} --help", Assert.Single(run.ErrorLines));
    }

    private static string[] WriteCertificates(ServedImage image)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=authority", key, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        using X509Certificate2 signer = authority.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=host", own, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 signed = request.Create(signer, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(30), [1, 2, 3]);
        File.WriteAllText(image.FilePath("cert.pem"), signed.ExportCertificatePem());
        File.WriteAllText(image.FilePath("key.pem"), own.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(image.FilePath("ca.pem"), signer.ExportCertificatePem());
        return ["--cert", image.FilePath("cert.pem"), "--key", image.FilePath("key.pem"), "--ca", image.FilePath("ca.pem")];
    }
}
