using System.Globalization;
using System.Text.RegularExpressions;
using Uffd.PagerProcess.Client;
using Uffd.PagerProcess.Tests.Support;

namespace Uffd.PagerProcess.Tests.Content;

/// <summary>A write is never lost, though its page is protected, saved and evicted at that moment.</summary>
public partial class WriterTests
{
    [Theory]
    [InlineData("", 4, 20_000)]
    [InlineData(";concurrency=4", 4, 20_000)]
    [InlineData(";concurrency=8;delay=1", 8, 500)]
    public async Task Counts_of_many_threads_are_all_there(string options, int threads, int counts)
    {
        Requires.KernelFaults();
        using var image = new TestImage(512);
        (int exitCode, string output) = await ClientProcess.RunAsync("count", image.Path + options, 256 << 10, threads, counts);
        Assert.True(exitCode == 0 && output.Contains("wrong 0", StringComparison.Ordinal), output);

        long told = Counted().Matches(output).Sum(match => long.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture));
        ulong[] words = [.. image.ReadFile(0, (int)image.Length).Chunk(8).Select(word => BitConverter.ToUInt64(word))];
        long found = words.Select((word, index) => (long)(word - Pattern.At(index))).Sum();
        Assert.True(told > threads * counts / 2, output);
        Assert.Equal(told, found);
    }

    [Fact]
    public async Task Store_that_forgets_a_write_is_found_out()
    {
        Requires.KernelFaults();
        using var image = new TestImage(512);
        (int exitCode, string output) = await ClientProcess.RunAsync("count", image.Path + ";forget=50", 256 << 10, 2, 10_000);
        Assert.True(exitCode == 1 && !output.Contains("wrong 0", StringComparison.Ordinal), output);
    }

    [GeneratedRegex(@"counted (?<count>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Counted();
}
