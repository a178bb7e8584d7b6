using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Uffd.Tool.Tests.Migrate;

/// <summary><c>uffd demo migrate</c>: a service that moves to a second process while it is used, and every acknowledged write is there.</summary>
public sealed class MigrateDemoTests
{
    private static readonly string[] Fields =
    [
        "verified", "downtimeMs", "totalMs", "postCopyFaults", "lostWrites", "latencyBeforeMs", "latencyDuringMs", "latencyAfterMs", "mode", "storeBytes", "rounds",
        "movedBytes", "wireBytes", "requests", "writes", "resumes",
    ];

    [Theory]
    [InlineData("precopy")]
    [InlineData("postcopy")]
    [InlineData("hybrid")]
    public void Json_is_one_verified_object_with_the_documented_fields(string mode)
    {
        RequireOwnMemory();
        ToolRun run = ToolProcess.Run("demo", "migrate", "--size", "8MiB", "--mode", mode, "--json");
        Assert.Equal("", run.Error);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        using var document = JsonDocument.Parse(run.Output);
        JsonElement found = document.RootElement;
        Assert.Equal(Fields, found.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
        Assert.True(found.GetProperty("verified").GetBoolean());
        Assert.Equal(0, found.GetProperty("lostWrites").GetInt64());
        Assert.Equal(mode, found.GetProperty("mode").GetString());
        Assert.Equal(8 << 20, found.GetProperty("storeBytes").GetInt64());
        Assert.True(found.GetProperty("downtimeMs").GetDouble() > 0);
        Assert.True(found.GetProperty("totalMs").GetDouble() >= found.GetProperty("downtimeMs").GetDouble());
        Assert.InRange(found.GetProperty("movedBytes").GetInt64(), 7 << 20, 1 << 30);
        Assert.InRange(found.GetProperty("writes").GetInt64(), 1, found.GetProperty("requests").GetInt64());
        Assert.Equal(string.Equals(mode, "postcopy", StringComparison.Ordinal), found.GetProperty("rounds").GetInt32() == 0);
        foreach (string when in (string[])["latencyBeforeMs", "latencyAfterMs"]) // it may have moved between two requests
        {
            JsonElement latency = found.GetProperty(when);
            Assert.Equal(["p50", "p99", "p999"], latency.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
            Assert.InRange(latency.GetProperty("p50").GetDouble(), 0.0001, latency.GetProperty("p99").GetDouble());
            Assert.True(latency.GetProperty("p99").GetDouble() <= latency.GetProperty("p999").GetDouble());
        }
    }

    [Fact]
    public void Text_in_a_pipe_is_plain_ASCII()
    {
        RequireOwnMemory();
        ToolRun run = ToolProcess.Run("demo", "migrate", "--size", "2MiB");
        Assert.Equal("", run.Error);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.All(run.Output, letter => Assert.True(letter is '\n' or (>= ' ' and <= '~'), $"'{letter}' ({(int)letter:x}) in the output"));
        Assert.Contains("every acknowledged write is at the destination", run.Output, StringComparison.Ordinal);
        Assert.Contains("lost writes          0", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_hosts_are_two_commands()
    {
        RequireOwnMemory();
        string port = FreePair();
        using Process destination = Start("demo", "migrate", "--listen", $"127.0.0.1:{port}", "--json");
        WaitUntilListening(int.Parse(port, System.Globalization.CultureInfo.InvariantCulture) + 1);
        ToolRun source = ToolProcess.Run("demo", "migrate", "--to", $"127.0.0.1:{port}", "--size", "4MiB", "--json");
        Assert.Equal("", source.Error);
        Assert.Equal(ExitCodes.Done, source.ExitCode);
        using (var document = JsonDocument.Parse(source.Output))
        {
            Assert.True(document.RootElement.GetProperty("verified").GetBoolean());
        }

        string output = destination.StandardOutput.ReadToEnd(); // it ends when its clients have gone
        Assert.True(destination.WaitForExit(TestTime.Scaled(TimeSpan.FromSeconds(60))));
        Assert.Equal(ExitCodes.Done, destination.ExitCode);
        using var told = JsonDocument.Parse(output);
        Assert.Equal(["downtimeMs", "totalMs", "postCopyFaults", "poisonedPages"], told.RootElement.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
    }

    [Fact]
    public void Nobody_there_is_one_line()
    {
        RequireOwnMemory();
        ToolRun run = ToolProcess.Run("demo", "migrate", "--to", $"127.0.0.1:{FreePair()}", "--size", "1MiB", "--json");
        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.Equal("", run.Output);
        Assert.StartsWith("uffd: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--size wants a size", "--size", "12KiB")]
    [InlineData("--mode wants precopy, postcopy or hybrid", "--mode", "magic")]
    [InlineData("--listen wants a port", "--listen", "65535")]
    [InlineData("--to wants HOST:PORT", "--to", "somewhere")]
    [InlineData("--to wants HOST:PORT", "--to", "unix:/tmp/x")]
    [InlineData("not both", "--to", "localhost:7000", "--listen", "7000")]
    [InlineData("belong together", "--cert", "cert.pem")]
    public void Wrong_arguments_are_told(string expected, params string[] arguments)
    {
        ToolRun run = ToolProcess.Run(["demo", "migrate", .. arguments]);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Contains(expected, Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Help_ends_with_examples_and_statuses()
    {
        ToolRun run = ToolProcess.Run("demo", "migrate", "--help");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("uffd demo migrate --to HOST:7000", run.Output, StringComparison.Ordinal);
        Assert.Contains("every acknowledged write is at the destination", run.Output, StringComparison.Ordinal);
        Assert.Contains("  migrate", ToolProcess.Run("demo", "--help").Output, StringComparison.Ordinal);
        Assert.DoesNotContain("demo-migrate-receiver", ToolProcess.Run("--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_is_not_there_is_one_line()
    {
        ToolRun run = ToolProcess.Run("demo", "migrate", "--cert", "/nonexistent/cert", "--key", "/nonexistent/key", "--ca", "/nonexistent/ca");
        Assert.Equal(ExitCodes.BadInput, run.ExitCode);
        Assert.Contains("/nonexistent/", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_it_leaves_no_process()
    {
        RequireOwnMemory();
        using Process demo = Process.Start(new ProcessStartInfo("env", [.. ToolProcess.HearingSignals, ToolProcess.DotnetPath, ToolProcess.AssemblyPath, "demo", "migrate", "--size", "4MiB"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var limit = new CancellationTokenSource(TestTime.Scaled(TimeSpan.FromSeconds(60)));
        while (await demo.StandardOutput.ReadLineAsync(limit.Token) is { } line && !line.StartsWith("using it here", StringComparison.Ordinal))
        {
            // the second process has been started by then
        }

        using (var kill = Process.Start("kill", ["-INT", $"{demo.Id}"]))
        {
            await kill.WaitForExitAsync(limit.Token);
        }

        Assert.Equal("uffd: interrupted\n", await demo.StandardError.ReadToEndAsync(limit.Token)); // which ends when the second process has ended too
        await demo.WaitForExitAsync(limit.Token);
        Assert.Equal(ExitCodes.Interrupted, demo.ExitCode);
    }

    private static void RequireOwnMemory()
    {
        Requires.Paging();
        Requires.Features(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
    }

    /// <summary>A port that is free, and the next one.</summary>
    private static string FreePair()
    {
        while (true)
        {
            using var first = new TcpListener(IPAddress.Loopback, 0);
            first.Start();
            int port = ((IPEndPoint)first.LocalEndpoint).Port;
            try
            {
                using var second = new TcpListener(IPAddress.Loopback, port + 1);
                second.Start();
                return port.ToString(System.Globalization.CultureInfo.InvariantCulture);
            }
            catch (Exception exception) when (exception is SocketException or ArgumentOutOfRangeException)
            {
                // another pair, then
            }
        }
    }

    private static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(ToolProcess.DotnetPath, [ToolProcess.AssemblyPath, .. arguments])
    {
        UseShellExecute = false,
        RedirectStandardOutput = true,
    })!;

    private static void WaitUntilListening(int port)
    {
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                using var client = new TcpClient();
                client.Connect(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (Stopwatch.GetElapsedTime(started) < TestTime.Scaled(TimeSpan.FromSeconds(30)))
            {
                Thread.Sleep(10);
            }
        }
    }
}
