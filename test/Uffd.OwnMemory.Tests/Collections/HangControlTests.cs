namespace Uffd.OwnMemory.Tests;

/// <summary>What looks for hangs, wrong bytes and empty runs finds them.</summary>
public class HangControlTests
{
    /// <remarks>
    /// In the Release build: the code of the other can be stopped at every instruction, and the runtime's signal takes the thread out of the
    /// kernel's wait. That is luck and no rule: nothing in C# promises it.
    /// </remarks>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bare_pointer_served_by_the_same_process_hangs(bool server)
    {
        HangResult result = await HangProgram.RunAsync("Release", new RuntimeSettings(Tiered: false, Server: server), ["control", "pointer", "--seconds", "1"], TestTime.Scaled(TimeSpan.FromSeconds(10)));
        Assert.True(result.IsHung, $"it should hang: {result.Output}");
        Assert.Contains("begin", result.Output, StringComparison.Ordinal); // it did start
    }

    [Theory]
    [InlineData("Release", false)]
    [InlineData("Release", true)]
    [InlineData("Debug", false)]
    [InlineData("Debug", true)]
    public async Task The_same_touches_by_a_call_do_not(string configuration, bool server)
    {
        HangResult result = await HangProgram.RunAsync(configuration, new RuntimeSettings(Tiered: false, Server: server), ["control", "call", "--seconds", "1"]);
        Assert.False(result.IsHung, result.Output);
        Assert.True(result.ExitCode == 0, result.Output);
    }

    [Fact]
    public async Task Wrong_byte_is_found()
    {
        HangResult result = await HangProgram.RunAsync("Release", new RuntimeSettings(), ["control", "bytes", "--seconds", "5"]);
        Assert.True(result.ExitCode == 1, result.Output);
        Assert.Contains("was read at offset", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_that_meets_nothing_is_inconclusive()
    {
        HangResult result = await HangProgram.RunAsync("Release", new RuntimeSettings(), ["paths", "--path", "read", "--seconds", "0"]);
        Assert.True(result.ExitCode == 3, result.Output);
    }
}
