using System.Runtime.Versioning;
using System.Text.Json;

namespace Uffd.Tool.Tests;

/// <summary><c>uffd doctor</c>, run as a process on whatever host this is.</summary>
[SupportedOSPlatform("linux")]
public sealed class DoctorTests
{
    private const char Escape = '\u001b';

    [Fact]
    public void Text_in_a_pipe_is_plain_ASCII_and_ends_with_the_verdict()
    {
        Requires.Paging();
        ToolRun run = ToolProcess.Run("doctor");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Empty(run.Error);
        Assert.All(run.Output, letter => Assert.True(letter is '\n' or (>= ' ' and <= '~'), $"'{letter}' ({(int)letter:x}) in the output"));
        Assert.StartsWith("Paging works here", run.Output.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
        Assert.All(UffdFeatureInfo.All, info => Assert.Contains(info.KernelName, run.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Json_is_one_object_with_the_documented_fields()
    {
        Requires.Paging();
        ToolRun run = ToolProcess.Run("doctor", "--json");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Empty(run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(
            ["pagingWorks", "allowed", "faultScope", "kernel", "selfTest", "creation", "features", "privileges", "memory", "openFiles", "checks"],
            root.EnumerateObject().Select(field => field.Name),
            StringComparer.Ordinal);
        Assert.True(root.GetProperty("pagingWorks").GetBoolean());
        Assert.True(root.GetProperty("faultScope").GetString() is "userAndKernel" or "userOnly");
        Assert.Equal(Environment.SystemPageSize, root.GetProperty("kernel").GetProperty("pageSize").GetInt32());
        Assert.Equal("builtIn", root.GetProperty("kernel").GetProperty("userfaultfd").GetString());
        Assert.True(root.GetProperty("selfTest").GetProperty("microseconds").GetDouble() > 0);
        Assert.Equal(4, root.GetProperty("creation").GetArrayLength());
        Assert.True(root.GetProperty("features").GetArrayLength() >= UffdFeatureInfo.All.Count);
        Assert.Contains(root.GetProperty("checks").EnumerateArray(), check => string.Equals(check.GetProperty("id").GetString(), "memory.thp", StringComparison.Ordinal));
    }

    [Fact]
    public void An_ordinary_user_is_told_what_works_and_the_command_for_the_rest()
    {
        Requires.That(File.Exists("/dev/userfaultfd") && !File.GetUnixFileMode("/dev/userfaultfd").HasFlag(UnixFileMode.OtherRead), "this needs /dev/userfaultfd, closed to others");
        Requires.That(File.ReadAllText("/proc/sys/vm/unprivileged_userfaultfd").StartsWith('0'), "this needs vm.unprivileged_userfaultfd=0");
        ToolRun run = OrdinaryUser.Run(["doctor", "--json"]);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.True(root.GetProperty("pagingWorks").GetBoolean());
        Assert.Equal("userOnly", root.GetProperty("faultScope").GetString());
        Assert.False(root.GetProperty("privileges").GetProperty("eventFork").GetBoolean());

        // The kernel's own answers, not those of a call on a descriptor that never was.
        Assert.Equal(
            [(int)Errno.EACCES, (int)Errno.EPERM, (int)Errno.EACCES, null],
            root.GetProperty("creation").EnumerateArray().Select(way => way.GetProperty("errno")).Select(errno => errno.ValueKind == JsonValueKind.Null ? (int?)null : errno.GetInt32()));
        string[] remedies = [.. root.GetProperty("checks").EnumerateArray().Select(check => check.GetProperty("remedy").GetString()).OfType<string>()];
        Assert.Contains("sudo chmod 666 /dev/userfaultfd", remedies, StringComparer.Ordinal);
        Assert.Contains("sudo sysctl -w vm.unprivileged_userfaultfd=1", remedies, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("1", false)]
    public void A_terminal_gets_colours_unless_NO_COLOR_is_set(string? noColor, bool coloured)
    {
        Requires.Paging();
        Requires.Program("script");
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["TERM"] = "xterm-256color" };
        if (noColor is not null)
        {
            environment["NO_COLOR"] = noColor;
        }

        ToolRun run = ToolProcess.RunProgram("script", ["-qec", $"'{ToolProcess.DotnetPath}' '{ToolProcess.AssemblyPath}' doctor", "/dev/null"], environment);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Equal(coloured, run.Output.Contains($"{Escape}[", StringComparison.Ordinal));
        Assert.Equal(coloured, run.Output.Contains('✓', StringComparison.Ordinal));
        Assert.Contains("Paging works here", run.Output, StringComparison.Ordinal);
    }
}
