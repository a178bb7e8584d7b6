namespace Uffd.Tool.Tests;

/// <summary>What a user sees who asks for help or mistypes.</summary>
public sealed class UsageTests
{
    public static TheoryData<string> Verbs => ["snapshot", "inspect", "convert", "track", "doctor", "serve", "page-server", "status", "workingset", "demo"];

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Help_of_a_verb_ends_with_examples_and_statuses(string verb)
    {
        ToolRun run = ToolProcess.Run(verb, "--help");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Empty(run.Error);
        int examples = run.Output.IndexOf("Examples:", StringComparison.Ordinal);
        Assert.True(examples > run.Output.IndexOf("Options:", StringComparison.Ordinal));
        Assert.Contains($"uffd {verb}", run.Output[examples..], StringComparison.Ordinal);
        Assert.True(run.Output.IndexOf("Exit status:", StringComparison.Ordinal) > examples);
        Assert.Contains("  0    ", run.Output, StringComparison.Ordinal);
        Assert.Contains("  2    ", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public void Help_lists_every_verb(string option)
    {
        ToolRun run = ToolProcess.Run(option);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.All(Verbs, verb => Assert.Contains($"  {verb.Data}", run.Output, StringComparison.Ordinal));
        Assert.Contains("Examples:", run.Output, StringComparison.Ordinal);
        Assert.All(ExitCodes.All, status => Assert.Contains(status.Meaning, run.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Help_of_a_demo_of_its_own_has_them_too_and_wrong_arguments_lead_there()
    {
        ToolRun run = ToolProcess.Run("demo", "outofcore", "--help");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("uffd demo outofcore --size", run.Output, StringComparison.Ordinal);
        Assert.Contains("Exit status:", run.Output, StringComparison.Ordinal);
        Assert.Contains("  outofcore", ToolProcess.Run("demo", "--help").Output, StringComparison.Ordinal);
        ToolRun wrong = ToolProcess.Run("demo", "outofcore", "--limit", "1KiB");
        Assert.Equal(ExitCodes.Usage, wrong.ExitCode);
        Assert.Equal("uffd: --limit wants a size from 256KiB to 1TiB, such as 64MiB; see uffd demo outofcore --help\n", wrong.Error);
    }

    [Fact]
    public void Version_is_one_line()
    {
        ToolRun run = ToolProcess.Run("--version");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Matches(@"\Auffd \d+\.\d+\.\d+[^\n]*\n\z", run.Output);
    }

    [Theory]
    [InlineData("uffd --help", "docter")]
    [InlineData("uffd --help", "--nope")]
    [InlineData("uffd doctor --help", "doctor", "--nope")]
    [InlineData("uffd doctor --help", "doctor", "surplus")]
    [InlineData("uffd doctor --help", "doctor", "--json=perhaps")]
    public void Wrong_arguments_are_one_line_and_status_2(string advice, params string[] arguments)
    {
        ToolRun run = ToolProcess.Run(arguments);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Empty(run.Output);
        string line = Assert.Single(run.ErrorLines);
        Assert.StartsWith("uffd: ", line, StringComparison.Ordinal);
        Assert.EndsWith($"; see {advice}", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_arguments_the_help_goes_to_standard_error_with_status_2()
    {
        ToolRun run = ToolProcess.Run();
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Empty(run.Output);
        Assert.Contains("Examples:", run.Error, StringComparison.Ordinal);
    }
}
