using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Uffd.Bench;

/// <summary>A Redis of the benchmark's own, on a Unix socket; it saves when it is told to. It ends with the benchmark.</summary>
internal sealed class RedisProcess : IAsyncDisposable
{
    // Redis reads no input, by whose end it would learn of the benchmark's. The shell does, however the benchmark ends.
    private const string UntilInputEnds = "redis-server \"$@\" & server=$!; cat > /dev/null; kill -9 $server; wait $server 2> /dev/null";

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(20);

    private readonly Process shell;
    private readonly string log;

    private RedisProcess(Process shell, string directory)
    {
        this.shell = shell;
        log = Path.Combine(directory, "redis.log");
        SocketPath = Path.Combine(directory, "redis.sock");
        SavedPath = Path.Combine(directory, "dump.rdb");
        shell.OutputDataReceived += (_, _) => { };
        shell.ErrorDataReceived += (_, _) => { };
        shell.BeginOutputReadLine();
        shell.BeginErrorReadLine();
    }

    public string SocketPath { get; }

    /// <summary>Where BGSAVE writes.</summary>
    public string SavedPath { get; }

    public int ProcessId { get; private set; }

    public static async Task<RedisProcess> StartAsync(string directory, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        var start = Programs.Command(
            "sh", null, "-c", UntilInputEnds, "sh",
            "--port", "0", "--unixsocket", Path.Combine(directory, "redis.sock"), "--dir", directory, "--save", "", "--appendonly", "no",
            "--rdbcompression", "no", "--loglevel", "warning", "--logfile", Path.Combine(directory, "redis.log"));
        var redis = new RedisProcess(Programs.Start(start, "a shell"), directory);
        try
        {
            var watch = Stopwatch.StartNew();
            while (!await redis.AnswersAsync())
            {
                if (watch.Elapsed > StartPatience || redis.shell.HasExited)
                {
                    var said = File.Exists(redis.log) ? Programs.FirstLine(await File.ReadAllTextAsync(redis.log, cancellation)) : "no message";
                    throw new BenchException($"redis-server does not answer: {said}");
                }

                await Task.Delay(20, cancellation);
            }

            return redis;
        }
        catch
        {
            await redis.DisposeAsync();
            throw;
        }
    }

    /// <summary>A number of INFO.</summary>
    /// <param name="name">Its name.</param>
    public async Task<long> InfoAsync(string name)
    {
        var text = await AskAsync("INFO everything");
        var line = text.Split("\r\n").FirstOrDefault(line => line.StartsWith(name + ":", StringComparison.Ordinal))
            ?? throw new BenchException($"this Redis does not tell its {name}");
        return long.Parse(line.AsSpan(name.Length + 1), CultureInfo.InvariantCulture);
    }

    /// <summary>Sends a command and gives its answer, which is a line or a text.</summary>
    public async Task<string> AskAsync(string command)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"));
        var line = await reader.ReadLineAsync() ?? throw new BenchException($"redis-server closed the connection at {command}");
        if (line is not ['$', .. var length])
        {
            return line is ['-', .. var error] ? throw new BenchException($"redis-server answered {command} with: {error}") : line[1..];
        }

        var text = new char[int.Parse(length, CultureInfo.InvariantCulture)];
        await reader.ReadBlockAsync(text);
        return new string(text);
    }

    /// <summary>A line of its /proc/PID/status, in bytes: VmRSS, VmHWM.</summary>
    public long Memory(string name)
    {
        var line = File.ReadLines($"/proc/{ProcessId}/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(name.Length + 1).Trim().TrimEnd("kB").TrimEnd(), CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>Lets the peak of its resident memory begin anew (proc_pid_clear_refs(5)).</summary>
    public void ForgetPeak() => File.WriteAllText($"/proc/{ProcessId}/clear_refs", "5");

    public async ValueTask DisposeAsync()
    {
        shell.StandardInput.Close();
        await shell.WaitForExitAsync(CancellationToken.None);
        shell.Dispose();
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            ProcessId = (int)await InfoAsync("process_id");
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
