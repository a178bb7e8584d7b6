namespace Uffd.Tool.Tests.Snapshots;

/// <summary>Arguments that cannot be meant, each told in one line before anything is touched.</summary>
public sealed class SnapshotUsageTests
{
    [Theory]
    [InlineData("is no process id", "snapshot", "self", "-o", "x")]
    [InlineData("is no process id", "snapshot", "0", "-o", "x")]
    [InlineData("is no process id", "track", "4x")]
    [InlineData("required", "snapshot", "1")]
    [InlineData("--parent goes with images", "snapshot", "1", "-o", "x", "--format", "core", "--parent", "y")]
    [InlineData("would replace the parent", "snapshot", "1", "-o", "x", "--parent", "./x")]
    [InlineData("--max-pause wants a time", "snapshot", "1", "-o", "x", "--max-pause", "soon")]
    [InlineData("--max-pause wants a time", "snapshot", "1", "-o", "x", "--max-pause", "0ms")]
    [InlineData("--memory-limit wants a size from 4 MiB", "snapshot", "1", "-o", "x", "--memory-limit", "1MiB")]
    [InlineData("--rate-limit wants a size", "snapshot", "1", "-o", "x", "--rate-limit", "fast")]
    [InlineData("--filter wants bits", "snapshot", "1", "-o", "x", "--filter", "0x200")]
    [InlineData("--output wants a path", "snapshot", "1", "-o", "")]
    [InlineData("-o goes with --extract", "inspect", "x", "-o", "y")]
    [InlineData("--extract wants an address", "inspect", "x", "--extract", "heap", "4KiB")]
    [InlineData("--extract wants an address", "inspect", "x", "--extract", "0x1000", "0")]
    [InlineData("--extract goes with neither", "inspect", "x", "--json", "--extract", "0x1000", "8")]
    [InlineData("would replace the snapshot", "inspect", "x", "--extract", "0x1000", "8", "-o", "x")]
    [InlineData("would replace the image", "convert", "x", "-o", "x")]
    [InlineData("--interval wants a time", "track", "1", "--interval", "1ms")]
    [InlineData("--count wants a number", "track", "1", "--count", "0")]
    public void Wrong_argument_is_one_line(string what, params string[] arguments)
    {
        ToolRun run = ToolProcess.Run(arguments);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Empty(run.Output);
        string line = Assert.Single(run.ErrorLines);
        Assert.Contains(what, line, StringComparison.Ordinal);
        Assert.EndsWith($"; see uffd {arguments[0]} --help", line, StringComparison.Ordinal);
    }
}
