using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Uffd.Snapshots.Tests;

/// <summary>A Redis of a test's own: on a Unix socket, in memory only. It ends with the test.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    // Redis reads no input, by whose end it would learn of the test's. The shell does, however the test ends.
    private const string UntilInputEnds = "redis-server \"$@\" & server=$!; cat > /dev/null; kill -9 $server; wait $server 2> /dev/null";

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly TemporaryFolder _folder;
    private readonly Process _process;

    private RedisServer(TemporaryFolder folder, Process process)
    {
        _folder = folder;
        _process = process;
    }

    /// <summary>The server's id.</summary>
    public int ProcessId { get; private set; }

    private string SocketPath => _folder.File("redis.sock");

    /// <summary>Starts one, and waits until it answers. Without redis-server the test is skipped.</summary>
    public static async Task<RedisServer> StartAsync()
    {
        Requires.Program("redis-server");
        var folder = new TemporaryFolder();
        var start = new ProcessStartInfo(
            "sh",
            [
                "-c", UntilInputEnds, "sh",
                "--port", "0", "--unixsocket", folder.File("redis.sock"), "--dir", folder.Path, "--save", "", "--appendonly", "no",
                "--enable-debug-command", "yes", "--loglevel", "warning", "--logfile", folder.File("redis.log"),
            ])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
        };
        var server = new RedisServer(folder, Process.Start(start) ?? throw new InvalidOperationException("redis-server did not start"));
        var watch = Stopwatch.StartNew();
        while (!server.Answers())
        {
            if (watch.Elapsed > Patience || server._process.HasExited)
            {
                string log = folder.File("redis.log");
                string said = File.Exists(log) ? await File.ReadAllTextAsync(log) : "nothing";
                await server.DisposeAsync();
                throw new InvalidOperationException($"redis-server does not answer: {said}");
            }

            await Task.Delay(10);
        }

        return server;
    }

    public RedisConnection Connect() => RedisConnection.Connect(SocketPath);

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }

    private bool Answers()
    {
        try
        {
            using RedisConnection connection = Connect();
            string id = connection.Ask("INFO", "server").Split("\r\n").Single(line => line.StartsWith("process_id:", StringComparison.Ordinal));
            ProcessId = int.Parse(id.AsSpan("process_id:".Length), CultureInfo.InvariantCulture);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
