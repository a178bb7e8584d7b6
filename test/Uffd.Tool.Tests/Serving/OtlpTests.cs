using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Uffd.Tool.Telemetry;

namespace Uffd.Tool.Tests.Serving;

/// <summary>Metrics on their way to a collector that takes them, one that does not exist, and one that never answers.</summary>
public sealed class OtlpTests
{
    [Fact]
    public async Task Collector_gets_every_metric_at_the_latest_at_the_end()
    {
        using var collector = new Collector();
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--otlp", collector.Address, "--no-background");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        await target.CrashAsync();
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.DoesNotContain("metrics", run.Output, StringComparison.Ordinal);
        (string path, string type, string body) = collector.Bodies.Last();
        Assert.Equal(("/v1/metrics", "application/x-protobuf"), (path, type));
        foreach (string name in (string[])["uffd.faults", "uffd.pages.filled", "uffd.fill.duration", "uffd.resident", "uffd.fills.again", "uffd.prefetch.hits", "write-protect", "read-ahead", "service.name", "Uffd.Paging"])
        {
            Assert.Contains(name, body, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false)] // nobody listens
    [InlineData(true)] // somebody does and never answers
    public async Task Collector_that_does_not_answer_is_one_line_and_disturbs_nobody(bool listens)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        string address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}");
        if (!listens)
        {
            silent.Stop();
        }

        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--otlp", address, "--no-background");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        await serve.WaitForLineAsync($"metrics do not reach {address}/v1/metrics");
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.DoesNotContain("metrics", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("stopped\n", run.Output, StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Theory]
    [InlineData("localhost:4318")]
    [InlineData("/v1/metrics")]
    [InlineData("")]
    public void What_is_no_endpoint_is_a_wrong_argument(string endpoint)
    {
        ToolRun run = ToolProcess.Run("serve", "--socket", "/nowhere", "--image", "/nowhere", "--otlp", endpoint);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Contains("such as http://localhost:4318", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://host:4318", false, "http://host:4318/v1/metrics")]
    [InlineData("http://host:4318/", false, "http://host:4318/v1/metrics")]
    [InlineData("https://host/otlp/v1/metrics", false, "https://host/otlp/v1/metrics")]
    [InlineData("http://host:4317", true, "http://host:4317/")]
    public void Base_address_gets_the_path_of_metrics(string given, bool grpc, string complete)
        => Assert.Equal(complete, OtlpExport.Complete(new Uri(given), grpc).AbsoluteUri);

    /// <summary>Takes what is exported, as a collector would.</summary>
    private sealed class Collector : IDisposable
    {
        private readonly HttpListener _listener = new();

        public Collector()
        {
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}");
            }

            _listener.Prefixes.Add($"{Address}/");
            _listener.Start();
            _ = TakeAsync();
        }

        public string Address { get; }

        public ConcurrentQueue<(string Path, string Type, string Body)> Bodies { get; } = new();

        public void Dispose() => _listener.Close();

        private async Task TakeAsync()
        {
            try
            {
                while (true)
                {
                    HttpListenerContext context = await _listener.GetContextAsync();
                    using var body = new MemoryStream();
                    await context.Request.InputStream.CopyToAsync(body);
                    Bodies.Enqueue((context.Request.Url!.AbsolutePath, context.Request.ContentType!, Encoding.Latin1.GetString(body.ToArray())));
                    context.Response.Close();
                }
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // closed
            }
        }
    }
}
