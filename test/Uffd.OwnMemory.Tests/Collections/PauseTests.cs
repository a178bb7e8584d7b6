namespace Uffd.OwnMemory.Tests;

/// <summary>A collection does not wait for the store, however slow it is: reads take 200 ms, and 12 threads and tasks wait for one all the time.</summary>
public class PauseTests
{
    private const double StoreMilliseconds = 200;
    private const string Seconds = "4";
    private const int Tries = 3; // a pause can be long because the machine is busy; one that waits for the store is so every time

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Collection_does_not_wait_for_a_slow_store(bool concurrent)
    {
        HangResult result = new(null, "");
        for (int tries = 0; tries < Tries; tries++)
        {
            result = await HangProgram.RunAsync("Release", new RuntimeSettings(Concurrent: concurrent), ["pauses", "memory", "--seconds", Seconds]);
            TestContext.Current.TestOutputHelper?.WriteLine(result.Output);
            Assert.True(result.ExitCode == 0, result.Output);
            if (result["longest-ms"] < StoreMilliseconds / 4 && result["longest-pause-ms"] < StoreMilliseconds / 4)
            {
                break;
            }
        }

        Assert.True(result["longest-ms"] < StoreMilliseconds / 4 && result["longest-pause-ms"] < StoreMilliseconds / 4, result.Output);
        Assert.True(result["median-ms"] < StoreMilliseconds / 20, result.Output);
    }

    /// <summary>The control: the measurement sees pauses that wait.</summary>
    [Fact]
    public async Task Collection_waits_for_a_bare_pointers_page()
    {
        string handler = NativeCompiler.Build("slowhandler.so", ["slowhandler.c"], "-shared", "-fPIC");
        HangResult result = await HangProgram.RunAsync("Release", new RuntimeSettings(Tiered: false), ["pauses", "pointer", "--seconds", Seconds, "--handler", handler]);
        TestContext.Current.TestOutputHelper?.WriteLine(result.Output);
        Assert.True(result.ExitCode == 0, result.Output);
        Assert.True(result["median-ms"] > StoreMilliseconds / 2, result.Output);
        Assert.True(result["longest-pause-ms"] > StoreMilliseconds / 2, result.Output);
    }
}
