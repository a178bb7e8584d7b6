namespace Uffd.OwnMemory.Tests;

/// <summary>
/// No use of paged memory hangs on a garbage collection: every path, under collections without pause, in both builds and with each way
/// in which the runtime compiles and collects. That a hang is found is shown by <see cref="HangControlTests"/>. With
/// <c>UFFD_HANG_SECONDS</c> in the environment each of the runs takes so long, for all paths together.
/// </summary>
public abstract class EveryPath(string configuration)
{
    private static readonly string Seconds = Environment.GetEnvironmentVariable("UFFD_HANG_SECONDS") is { Length: > 0 } given ? given : "3";

    [Theory]
    [InlineData(1, true, true, false, true)]
    [InlineData(2, true, true, false, false)]
    [InlineData(3, true, true, true, true)]
    [InlineData(4, true, true, true, false)]
    [InlineData(5, false, true, false, true)]
    [InlineData(6, false, true, false, false)]
    [InlineData(7, false, true, true, true)]
    [InlineData(8, false, true, true, false)]
    [InlineData(9, true, false, false, true)]
    public async Task Does_not_hang_on_collections(int seed, bool tiered, bool profiled, bool server, bool concurrent)
    {
        HangResult result = await HangProgram.RunAsync(
            configuration,
            new RuntimeSettings(tiered, profiled, server, concurrent),
            ["paths", "--seconds", Seconds, "--seed", seed.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        Assert.False(result.IsHung, $"it hangs: {result.Output}");
        Assert.True(result.ExitCode == 0, result.Output);
        Assert.Contains($"build={configuration} libraries={configuration} server={server} concurrent={concurrent}", result.Output, StringComparison.Ordinal);
        TestContext.Current.TestOutputHelper?.WriteLine(result.Output);
    }
}

/// <summary>Of the libraries as they are shipped.</summary>
public class EveryPathInReleaseTests() : EveryPath("Release");

/// <summary>Of the libraries with nothing optimized, and checked arithmetic.</summary>
public class EveryPathInDebugTests() : EveryPath("Debug");
