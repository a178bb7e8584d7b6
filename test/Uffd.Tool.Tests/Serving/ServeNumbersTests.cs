using System.Text.Json;

namespace Uffd.Tool.Tests.Serving;

/// <summary>The numbers that <c>uffd serve</c> prints when it is asked by a signal, and at its end.</summary>
public sealed class ServeNumbersTests
{
    [Fact]
    public async Task Signal_prints_them_as_often_as_it_comes_and_the_end_once_more()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background");
        serve.Signal(ServeProcess.SigUser1);
        await serve.WaitForLineAsync(": 0 clients now, 0 so far, 0 refused");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        serve.Signal(ServeProcess.SigUser1);
        await serve.WaitForLineAsync(": 1 client now, 1 so far, 0 refused");
        Assert.Matches("^  faults      [0-9]+", await serve.ReadLineAsync());
        Assert.Matches("^  fill        from fault to page: p50 [0-9.]+ [um]s, p99 [0-9.]+ [um]s, longest [0-9.]+ [um]s$", await serve.ReadLineAsync());
        await serve.WaitForLineAsync("  pages       64");
        await serve.WaitForLineAsync("  resident    256 KiB of the 256 KiB that clients have now");
        await serve.WaitForLineAsync("  trouble     none");
        await target.CrashAsync();
        await serve.WaitForLineAsync("exited");
        ToolRun run = await serve.StopAsync();
        Assert.Contains(": 0 clients now, 1 so far, 0 refused\n  faults      ", run.Output, StringComparison.Ordinal);
        Assert.Contains("  resident    nobody is served now\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_json_they_are_one_object_in_a_line()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--json");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        serve.Signal(ServeProcess.SigUser1);
        using JsonDocument line = JsonDocument.Parse(await serve.WaitForLineAsync("\"numbers\""));
        JsonElement counts = line.RootElement.GetProperty("counts");
        Assert.Equal(ServedImage.Pages, ((string[])["demandPages", "readAheadPages", "backgroundPages"]).Sum(name => counts.GetProperty(name).GetInt64()));
        Assert.Equal(image.Bytes.Length, counts.GetProperty("residentBytes").GetInt64());
        Assert.Equal(target.ProcessId, line.RootElement.GetProperty("clients")[0].GetProperty("pid").GetInt32());
        Assert.True(counts.GetProperty("sourceLatency").GetProperty("p99Us").GetDouble() >= 0);
    }
}
