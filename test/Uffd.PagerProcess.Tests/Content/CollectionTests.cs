using Uffd.PagerProcess.Tests.Support;

namespace Uffd.PagerProcess.Tests.Content;

/// <summary>The point of the other process: managed threads may touch missing pages by spans and pointers, and no collection hangs.</summary>
public class CollectionTests
{
    [Theory]
    [InlineData("")]
    [InlineData(";concurrency=4;delay=2")]
    public async Task Collections_without_pause_and_touches_of_missing_pages_both_go_on(string options)
    {
        Requires.KernelFaults();
        using var image = new TestImage(4096);
        (int exitCode, string output) = await ClientProcess.RunAsync("collect", image.Path + options, 1 << 20, 3000);
        Assert.True(exitCode == 0 && output.Contains("wrong 0", StringComparison.Ordinal), output);
        string[] words = output.Split(' ');
        Assert.True(int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture) > 100, output);
        Assert.True(int.Parse(words[3], System.Globalization.CultureInfo.InvariantCulture) > 20, output);
    }
}
