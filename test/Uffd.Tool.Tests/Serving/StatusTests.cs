using System.Diagnostics;
using System.Text.Json;

namespace Uffd.Tool.Tests.Serving;

/// <summary><c>uffd status</c> beside a running <c>uffd serve</c>, and without one.</summary>
public sealed class StatusTests
{
    [Fact]
    public async Task One_sample_is_plain_text_in_a_pipe_and_an_object_as_json()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);

        ToolRun text = ToolProcess.Run("status", "--socket", image.Socket);
        Assert.Equal(ExitCodes.Done, text.ExitCode);
        Assert.Empty(text.Error);
        string[] lines = text.Output.Split('\n');
        Assert.StartsWith($"uffd serve, pid {serve.ProcessId}, ", lines[0], StringComparison.Ordinal);
        Assert.Contains("256 KiB; clients: 1 of 1024, 1 so far, 0 refused", lines[0], StringComparison.Ordinal);
        Assert.Matches("^# +pid +name +size +resident +faults +fill p50 +fill p99 +demand +background +(ahead +)?MiB$", lines[2]);
        Assert.Matches($"^1 +{target.ProcessId} +target[^ ]* +256 KiB +100 % +[0-9]+ ", lines[3]);
        Assert.Matches("^ +all +256 KiB +100 % +[0-9]+ ", lines[4]);
        Assert.DoesNotContain('\u001b', text.Output);

        ToolRun json = ToolProcess.Run("status", "--socket", image.Socket, "--json");
        Assert.Equal(ExitCodes.Done, json.ExitCode);
        using JsonDocument sample = JsonDocument.Parse(json.Output);
        Assert.Equal(
            ["pid", "seconds", "imageBytes", "maxClients", "clientCount", "attachedCount", "refusedCount", "clients", "totals"],
            sample.RootElement.EnumerateObject().Select(one => one.Name),
            StringComparer.Ordinal);
        JsonElement client = sample.RootElement.GetProperty("clients")[0];
        Assert.Equal(["client", "pid", "name", "seconds", "counts"], client.EnumerateObject().Select(one => one.Name), StringComparer.Ordinal);
        Assert.InRange(client.GetProperty("counts").GetProperty("missingFaults").GetInt64(), 1, 64);
        Assert.InRange(sample.RootElement.GetProperty("totals").GetProperty("fillLatency").GetProperty("count").GetInt64(), 1, 64);
    }

    [Fact]
    public async Task Live_view_goes_on_until_Ctrl_C_which_is_its_regular_end()
    {
        Requires.Program("script");
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        using Process terminal = Watch(image.Socket);
        await WaitForAsync(terminal, "Ctrl-C ends");
        await image.VerifyAsync(target);
        await WaitForAsync(terminal, "100 %");
        await terminal.StandardInput.WriteAsync('\u0003');
        await terminal.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        await WaitForAsync(terminal, "status=0");
    }

    [Fact]
    public async Task Live_view_tells_that_the_daemon_ended()
    {
        Requires.Program("script");
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync();
        using Process terminal = Watch(image.Socket);
        await WaitForAsync(terminal, "Ctrl-C ends");
        await serve.StopAsync();
        Assert.Contains("the daemon has closed the connection", await WaitForAsync(terminal, "status=1"), StringComparison.Ordinal);
    }

    [Fact]
    public void Nobody_there_is_one_line_that_says_what_to_do()
    {
        using var image = new ServedImage();
        ToolRun run = ToolProcess.Run("status", "--socket", image.Socket, "--json");
        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.Empty(run.Output);
        Assert.Contains("start it with: uffd serve", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Killed_daemon_leaves_a_socket_that_nobody_listens_on()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync();
        await serve.StopAsync(ServeProcess.SigKill);
        ToolRun run = ToolProcess.Run("status", "--socket", image.Socket);
        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.Contains("nobody listens there any more; start the daemon again", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--interval", "0")]
    [InlineData("--interval", "x")]
    [InlineData("--socket", "")]
    public void Wrong_arguments_are_told(string option, string value)
    {
        ToolRun run = ToolProcess.Run("status", "--socket", "/nowhere", option, value);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Single(run.ErrorLines);
    }

    private static Process Watch(string socket)
    {
        // Ctrl-C goes to everybody in the foreground. A shell without a trap may die of it before it can tell
        // the status (dash does, bash waits for its child), and an ignored signal would be inherited: a trap is not.
        string command = $"trap : INT; stty rows 20 cols 120; TERM=xterm NO_COLOR= '{ToolProcess.DotnetPath}' '{ToolProcess.AssemblyPath}' status --socket '{socket}' --interval 0.1; echo status=$?";
        return Process.Start(new ProcessStartInfo("env", [.. ToolProcess.HearingSignals, "timeout", "30", "script", "-qec", command, "/dev/null"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["SHELL"] = "/bin/sh" }, // the shell that script(1) starts: the same for everybody
        })!;
    }

    /// <returns>What came until then.</returns>
    private static async Task<string> WaitForAsync(Process terminal, string part)
    {
        using var limit = new CancellationTokenSource(ServeProcess.Patience);
        var said = new System.Text.StringBuilder();
        char[] buffer = new char[4096];
        while (!said.ToString().Contains(part, StringComparison.Ordinal))
        {
            int count = await terminal.StandardOutput.ReadAsync(buffer, limit.Token);
            Assert.True(count > 0, $"'{part}' did not come, but: {said}");
            said.Append(buffer, 0, count);
        }

        return said.ToString();
    }
}
