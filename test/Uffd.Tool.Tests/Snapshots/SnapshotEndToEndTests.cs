using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Uffd.Tool.Tests.Snapshots;

/// <summary>The verbs about snapshots, as their users run them, on a process that is not prepared for it.</summary>
public sealed class SnapshotEndToEndTests
{
    private const ulong MiB = 1 << 20;

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(60));

    [Theory]
    [InlineData("core")]
    [InlineData("image")]
    public async Task Snapshot_holds_the_memory_and_the_process_goes_on(string format)
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(4 * MiB);
        await target.FillAsync(0, MiB, 0x5A);
        string path = folder.File("snapshot");
        using JsonDocument taken = Json("snapshot", Id(target), "-o", path, "--format", format, "--json");
        Assert.Equal(format, taken.RootElement.GetProperty("format").GetString());
        Assert.True(taken.RootElement.GetProperty("finalPauseMs").GetDouble() > 0);
        Assert.True(taken.RootElement.GetProperty("pages").GetInt64() >= 256);
        Assert.Equal(path, Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path)));
        Assert.Equal(0x5A, (await target.TouchAsync(0)).Value); // it runs

        using JsonDocument found = Json("inspect", path, "--verify", "--json");
        Assert.Equal(format, found.RootElement.GetProperty("format").GetString());
        Assert.Equal(target.ProcessId, found.RootElement.GetProperty("process").GetProperty("pid").GetInt32());
        Assert.True(found.RootElement.GetProperty("verified").GetBoolean());
        byte[] bytes = Extract(folder, path, region.Start + MiB - 100, 200);
        Assert.Equal([.. Enumerable.Repeat((byte)0x5A, 100), .. new byte[100]], bytes);
    }

    [Fact]
    public async Task Image_with_a_parent_is_small_and_becomes_a_core()
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(4 * MiB);
        await target.FillAsync(0, 2 * MiB, 1);
        Assert.Equal(ExitCodes.Done, ToolProcess.Run("snapshot", Id(target), "-o", folder.File("mon.image"), "--format", "image").ExitCode);
        await target.FillAsync(MiB, 4096, 2);
        Assert.Equal(ExitCodes.Done, ToolProcess.Run("snapshot", Id(target), "-o", folder.File("tue.image"), "--parent", folder.File("mon.image")).ExitCode);
        using JsonDocument found = Json("inspect", folder.File("tue.image"), "--json");
        Assert.Equal(folder.File("mon.image"), found.RootElement.GetProperty("parents")[0].GetString());
        Assert.True(found.RootElement.GetProperty("shares").GetProperty("parentBytes").GetUInt64() >= (2 * MiB) - 4096);

        ToolRun run = ToolProcess.Run("convert", folder.File("tue.image"), "-o", folder.File("core"));
        Assert.Equal((ExitCodes.Done, ""), (run.ExitCode, run.Error));
        byte[] bytes = Extract(folder, folder.File("core"), region.Start + MiB - 8, 4096 + 16);
        Assert.Equal([.. Enumerable.Repeat((byte)1, 8), .. Enumerable.Repeat((byte)2, 4096), .. Enumerable.Repeat((byte)1, 8)], bytes);
        Assert.Equal(ExitCodes.BadInput, ToolProcess.Run("convert", folder.File("core"), "-o", folder.File("again")).ExitCode);

        File.Delete(folder.File("mon.image"));
        AssertOneLine(ExitCodes.BadInput, "mon.image", ToolProcess.Run("inspect", folder.File("tue.image"), "--verify"));
    }

    [Fact]
    public async Task Damaged_image_is_told_with_the_address()
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapAsync(4 * MiB);
        await target.FillAsync(0, 4 * MiB, 0x5A);
        string path = folder.File("image");
        Assert.Equal(ExitCodes.Done, ToolProcess.Run("snapshot", Id(target), "-o", path, "--format", "image").ExitCode);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 4] ^= 0xFF; // pages come first, what tells of them last
        File.WriteAllBytes(path, bytes);
        ToolRun run = ToolProcess.Run("inspect", path, "--verify");
        Assert.Equal(ExitCodes.BadInput, run.ExitCode);
        Assert.Matches("^uffd: .*[0-9a-f]{6,}", Assert.Single(run.ErrorLines));
    }

    [Fact]
    public void Process_that_is_not_there_leaves_what_was()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("core");
        File.WriteAllText(path, "before");
        AssertOneLine(ExitCodes.Failed, "no such process", ToolProcess.Run("snapshot", "2147483646", "-o", path));
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal(path, Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path)));
        AssertOneLine(ExitCodes.Failed, "no such process", ToolProcess.Run("track", "2147483646"));
    }

    [Fact]
    public async Task Ordinary_user_is_told_what_helps()
    {
        Requires.Root();
        await using NativeTarget target = await NativeTarget.StartAsync();
        foreach (string[] arguments in (string[][])[["snapshot", Id(target), "-o", "/tmp/uffd-never"], ["track", Id(target)]])
        {
            ToolRun run = OrdinaryUser.Run(arguments);
            AssertOneLine(ExitCodes.NotAllowed, "sudo", run);
        }

        Assert.False(File.Exists("/tmp/uffd-never"));
    }

    [Fact]
    public async Task Interrupted_snapshot_leaves_nothing_and_the_process_goes_on()
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapAsync(64 * MiB);
        await target.FillAsync(0, 64 * MiB, 7);
        using Process tool = Start("snapshot", Id(target), "-o", folder.File("core"), "--rate-limit", "1MiB");
        try
        {
            string? line = await tool.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
            Assert.Contains("round 1", line, StringComparison.Ordinal);
            Assert.Equal(0, ToolProcess.RunProgram("kill", ["-INT", tool.Id.ToString(CultureInfo.InvariantCulture)]).ExitCode);
            Task<string> error = tool.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.True(tool.WaitForExit(Patience), "it did not end");
            Assert.Equal(ExitCodes.Interrupted, tool.ExitCode);
            Assert.Equal("uffd: interrupted\n", await error);
        }
        finally
        {
            tool.Kill();
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
        Assert.Equal(7, (await target.TouchAsync(0)).Value);
        Assert.Contains("TracerPid:\t0\n", File.ReadAllText($"/proc/{target.ProcessId}/status"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_written_is_tracked()
    {
        Requires.Root();
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(4 * MiB);
        await target.FillAsync(0, 4 * MiB, 7);
        using Process tool = Start("track", Id(target), "--interval", "100ms", "--count", "20");
        try
        {
            string name = region.Start.ToString("x12", CultureInfo.InvariantCulture);
            bool seen = false;
            byte value = 0;
            while (await tool.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken) is { } line)
            {
                seen |= line.Contains(name, StringComparison.Ordinal);
                await target.FillAsync(0, MiB, ++value);
            }

            Assert.True(tool.WaitForExit(Patience), "it did not end");
            Assert.Equal(ExitCodes.Done, tool.ExitCode);
            Assert.True(seen, $"the region at {name} was not told");
        }
        finally
        {
            tool.Kill();
        }

        using JsonDocument sample = Json("track", Id(target), "--interval", "50ms", "--json");
        Assert.Equal(target.ProcessId, sample.RootElement.GetProperty("pid").GetInt32());
        Assert.DoesNotContain(File.ReadLines($"/proc/{target.ProcessId}/smaps"), line => line.StartsWith("VmFlags:", StringComparison.Ordinal) && line.Contains(" uw", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_no_snapshot_is_bad_input()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("text"), "not a snapshot");
        foreach (string path in (string[])[folder.File("text"), folder.File("missing"), folder.Path])
        {
            AssertOneLine(ExitCodes.BadInput, "", ToolProcess.Run("inspect", path));
            AssertOneLine(ExitCodes.BadInput, "", ToolProcess.Run("convert", path, "-o", folder.File("core")));
        }

        Assert.False(File.Exists(folder.File("core")));
    }

    private static void AssertOneLine(int exitCode, string what, ToolRun run)
    {
        Assert.Contains(what, Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(exitCode, run.ExitCode);
    }

    private static byte[] Extract(TemporaryFolder folder, string path, ulong address, int length)
    {
        string into = folder.File("extracted");
        ToolRun run = ToolProcess.Run("inspect", path, "--extract", string.Create(CultureInfo.InvariantCulture, $"0x{address:x}"), length.ToString(CultureInfo.InvariantCulture), "-o", into);
        Assert.Equal((ExitCodes.Done, ""), (run.ExitCode, run.Error));
        return File.ReadAllBytes(into);
    }

    private static JsonDocument Json(params string[] arguments)
    {
        ToolRun run = ToolProcess.Run(arguments);
        Assert.True(run.ExitCode == ExitCodes.Done, run.Error);
        return JsonDocument.Parse(run.Output);
    }

    private static string Id(NativeTarget target) => target.ProcessId.ToString(CultureInfo.InvariantCulture);

    private static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("env", [.. ToolProcess.HearingSignals, ToolProcess.DotnetPath, ToolProcess.AssemblyPath, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }
}
