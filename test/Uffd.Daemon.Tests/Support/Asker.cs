using System.Text;
using System.Text.Json;

namespace Uffd.Daemon.Tests;

/// <summary>A connection of this process that asks a daemon.</summary>
internal sealed class Asker : IDisposable
{
    public const string Status = """{"request":"status"}""";

    private readonly List<SafeDescriptorHandle> _received = [];
    private readonly byte[] _buffer = new byte[64 << 10];
    private string _behind = "";

    public Asker(Scene scene)
        : this(scene.SocketPath)
    {
    }

    public Asker(string socketPath)
    {
        Channel = FdChannel.Connect(socketPath);
        Channel.SetNonBlocking(true);
    }

    public FdChannel Channel { get; }

    public IReadOnlyList<SafeDescriptorHandle> Received => _received;

    public void Send(string text) => Channel.Send(Encoding.UTF8.GetBytes(text));

    /// <summary>The next line without its break, or null at the end.</summary>
    public async Task<string?> ReadLineAsync()
    {
        using var limit = new CancellationTokenSource(EventLog.Patience);
        int end;
        while ((end = _behind.IndexOf('\n', StringComparison.Ordinal)) < 0)
        {
            FdReceiveResult result = Channel.Receive(_buffer, _received);
            if (result.IsEnd)
            {
                Assert.Equal("", _behind);
                return null;
            }

            _behind += Encoding.UTF8.GetString(_buffer, 0, result.Bytes);
            if (result.WouldBlock)
            {
                await Task.Delay(1, limit.Token);
            }
        }

        string line = _behind[..end];
        _behind = _behind[(end + 1)..];
        return line;
    }

    /// <summary>The next line, which must be an object.</summary>
    public async Task<JsonElement> ReadAnswerAsync()
    {
        string? line = await ReadLineAsync();
        Assert.NotNull(line);
        using JsonDocument document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }

    public async Task<JsonElement> AskAsync(string request = Status)
    {
        Send(request);
        return await ReadAnswerAsync();
    }

    public void Dispose()
    {
        _received.ForEach(descriptor => descriptor.Dispose());
        Channel.Dispose();
    }
}
