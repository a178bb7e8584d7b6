using System.Globalization;
using System.Text.Json;

namespace Uffd.Tool.Tests.Serving;

/// <summary><c>uffd serve</c> and its clients, both as processes.</summary>
public sealed class ServeTests
{
    [Fact]
    public async Task Tells_a_line_when_a_client_is_attached_resident_and_gone()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync();
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        string client = string.Create(CultureInfo.InvariantCulture, $"client 1 pid {target.ProcessId}: ");
        Assert.Equal($"{client}attached, 256 KiB in 1 region", await serve.ReadLineAsync());
        Assert.StartsWith($"{client}resident after ", await serve.ReadLineAsync(), StringComparison.Ordinal);
        await target.CrashAsync();
        Assert.Matches($"^{client}exited after [0-9.]+ s, 256 KiB: [0-9]+ faults; pages: [0-9]+ on demand, [0-9]+ in the background, 0 of them zero(; a fill took p50 [0-9.]+ [um]?s, p99 [0-9.]+ [um]?s)?$", await serve.ReadLineAsync());
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.StartsWith("numbers after ", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("\nstopped\n", run.Output, StringComparison.Ordinal);
        Assert.Empty(run.Error);
        Assert.False(File.Exists(image.Socket));
    }

    [Fact]
    public async Task Every_line_of_json_is_an_object_with_the_documented_fields()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--json", "--no-background", "--drain", "0");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await target.TouchAsync(0);
        await using NativeTarget wrong = await image.StartTargetAsync();
        await image.HandOverAsync(wrong, offset: 1 << 20);
        await wrong.ReceiveAsync();
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        string[] events = [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
        {
            using JsonDocument document = JsonDocument.Parse(line);
            bool numbers = document.RootElement.GetProperty("event").GetString() is "numbers";
            Assert.Equal(["event", "message", "client", "pid", "bytes", "seconds", "counts", .. numbers ? ["clients"] : (string[])[]], document.RootElement.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
            if (document.RootElement.GetProperty("event").GetString() is "gone")
            {
                JsonElement counts = document.RootElement.GetProperty("counts");
                Assert.Equal(1, counts.GetProperty("demandPages").GetInt64());
                Assert.Equal(ServedImage.Pages - 1, counts.GetProperty("poisonedPages").GetInt64());
                Assert.Equal(ServedImage.Pages, counts.GetProperty("totalPages").GetInt64());
                Assert.Equal(target.ProcessId, document.RootElement.GetProperty("pid").GetInt32());
            }

            return document.RootElement.GetProperty("event").GetString()!;
        })];
        Assert.Equal("attached", events[0]);
        Assert.Contains("refused", events, StringComparer.Ordinal);
        Assert.Contains("gone", events, StringComparer.Ordinal);
        Assert.Equal("stopped", events[^1]);
    }

    [Fact]
    public async Task Descriptors_that_run_out_are_told_and_clients_wait_until_there_is_room()
    {
        Requires.Program("prlimit");
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background");
        await using (NativeTarget first = await image.StartTargetAsync()) // so that all that serving loads is loaded
        {
            await image.HandOverAsync(first);
            await image.VerifyAsync(first);
        }

        await serve.WaitForLineAsync("exited");
        serve.LimitDescriptors(20);
        var targets = new List<NativeTarget>();
        try
        {
            for (int count = 0; count < 6; count++)
            {
                NativeTarget target = await image.StartTargetAsync();
                targets.Add(target);
                await image.HandOverAsync(target); // the last ones wait in the queue
            }

            string told = await serve.WaitForLineAsync("new clients have to wait");
            Assert.Contains("ulimit -n", told, StringComparison.Ordinal);
            await image.VerifyAsync(targets[0]);
            TargetJob touch = await ServedImage.BeginStuckTouchAsync(targets[^1]);
            Assert.False(await touch.IsDoneAsync()); // it waits; it does not read zeros
            foreach (NativeTarget target in targets[..^1])
            {
                await target.CrashAsync();
            }

            Assert.Equal(image.Bytes[0], Assert.Single(await touch.JoinTouchesAsync()).Value);
            await image.VerifyAsync(targets[^1]);
        }
        finally
        {
            foreach (NativeTarget target in targets)
            {
                await target.DisposeAsync();
            }
        }

        Assert.Equal(ExitCodes.Done, (await serve.StopAsync()).ExitCode);
    }

    [Fact]
    public async Task Reader_of_its_lines_that_goes_away_is_no_reason_to_end()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync();
        serve.CloseOutput();
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        Assert.Equal(ExitCodes.Done, (await serve.StopAsync()).ExitCode);
    }

    [Fact]
    public async Task Reader_of_its_lines_that_stops_reading_holds_up_no_client()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync();
        await NativeTouch.Run(
            () =>
        {
            byte[] answer = new byte[200];
            for (int count = 0; count < 3000; count++) // each a line: more than a pipe holds
            {
                using FdChannel channel = FdChannel.Connect(image.Socket);
                channel.Send("nonsense"u8);
                channel.Receive(answer, []); // refused
            }

            return true;
        }, ServeProcess.Patience);
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.EndsWith("stopped\n", run.Output, StringComparison.Ordinal);
    }
}
