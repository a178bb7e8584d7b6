using System.Diagnostics;
using System.Net.Sockets;

namespace Uffd.Snapshots.Tests;

/// <summary>A Redis of a test's own: on a Unix socket, in memory only. It ends with the test.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly TemporaryFolder _folder;
    private readonly Process _process;

    private RedisServer(TemporaryFolder folder, Process process)
    {
        _folder = folder;
        _process = process;
    }

    /// <summary>The process's id.</summary>
    public int ProcessId => _process.Id;

    private string SocketPath => _folder.File("redis.sock");

    /// <summary>Starts one, and waits until it answers. Without redis-server the test is skipped.</summary>
    public static async Task<RedisServer> StartAsync()
    {
        Requires.Program("redis-server");
        var folder = new TemporaryFolder();
        var start = new ProcessStartInfo(
            "redis-server",
            [
                "--port", "0", "--unixsocket", folder.File("redis.sock"), "--dir", folder.Path, "--save", "", "--appendonly", "no",
                "--enable-debug-command", "yes", "--loglevel", "warning", "--logfile", folder.File("redis.log"),
            ])
        {
            UseShellExecute = false,
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
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }

    private bool Answers()
    {
        try
        {
            using RedisConnection connection = Connect();
            return string.Equals(connection.Ask("PING"), "PONG", StringComparison.Ordinal);
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
