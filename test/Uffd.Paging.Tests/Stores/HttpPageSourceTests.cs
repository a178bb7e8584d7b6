using System.Net;
using System.Net.Sockets;
using System.Text;
using Uffd.Samples;

namespace Uffd.Paging.Tests.Stores;

/// <summary>The source that docs/sources.md shows works, and is what it shows.</summary>
public sealed class HttpPageSourceTests
{
    [Fact]
    public async Task Process_is_served_from_a_web_server_that_fails_at_times()
    {
        const ulong Length = 64 * 4096;
        byte[] bytes = Pattern.Bytes(Length);
        using var server = new RangeServer(bytes);
        using var http = new HttpPageSource(new HttpClient(), server.Address, Length);
        using var source = new RetryingPageSource(http, new RetryOptions { Retries = 9, FirstPause = TimeSpan.FromMilliseconds(1) }, ownsInner: false);
        byte[] found = new byte[10_000];
        await http.ReadAsync(0, found, CancellationToken.None); // the first answer is right
        Assert.Equal(bytes[..10_000], found);
        await Assert.ThrowsAsync<IOException>(() => http.ReadAsync(0, found, CancellationToken.None).AsTask()); // every second one is not
        found.AsSpan().Fill(1);
        await source.ReadAsync(Length - 100, found, CancellationToken.None);
        Assert.Equal([.. bytes[^100..], .. new byte[9900]], found);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = new AddressSpaceOptions() });
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
    }

    [Fact]
    public void Page_shows_the_sample()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Uffd.slnx")))
        {
            folder = folder.Parent;
        }

        string sample = File.ReadAllText(Path.Combine(folder!.FullName, "samples/HttpSource/HttpPageSource.cs"));
        string shown = sample[sample.IndexOf("internal sealed class", StringComparison.Ordinal)..];
        Assert.Contains(shown, File.ReadAllText(Path.Combine(folder.FullName, "docs/sources.md")), StringComparison.Ordinal);
    }

    /// <summary>The least of a web server. Of its answers every second is 503.</summary>
    private sealed class RangeServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly byte[] _bytes;
        private int _requests;

        public RangeServer(byte[] bytes)
        {
            _bytes = bytes;
            _listener.Start();
            _ = AcceptAsync();
        }

        public Uri Address => new($"http://{_listener.LocalEndpoint}/image");

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync();
                _ = Task.Run(() => AnswerAsync(client));
            }
        }

        private async Task AnswerAsync(TcpClient client)
        {
            using (client)
            using (var reader = new StreamReader(client.GetStream(), Encoding.ASCII))
            {
                long first = 0;
                long last = -1;
                while (await reader.ReadLineAsync() is { Length: > 0 } line)
                {
                    if (line.StartsWith("Range: bytes=", StringComparison.Ordinal))
                    {
                        string[] range = line["Range: bytes=".Length..].Split('-');
                        (first, last) = (long.Parse(range[0], System.Globalization.CultureInfo.InvariantCulture), long.Parse(range[1], System.Globalization.CultureInfo.InvariantCulture));
                    }
                }

                bool works = Interlocked.Increment(ref _requests) % 2 == 1;
                byte[] body = works ? _bytes[(int)first..(int)(last + 1)] : [];
                string head = $"HTTP/1.1 {(works ? "206 Partial Content" : "503 Busy")}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n";
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
                await client.GetStream().WriteAsync(body);
            }
        }
    }
}
