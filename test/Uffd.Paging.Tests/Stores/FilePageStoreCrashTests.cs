using System.Diagnostics;
using System.Globalization;

namespace Uffd.Paging.Tests.Stores;

/// <summary>A process that is killed while it writes leaves whole pages, and those that it flushed.</summary>
public sealed class FilePageStoreCrashTests
{
    private static readonly string Dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(60));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_process_leaves_whole_pages_and_all_that_it_flushed(bool direct)
    {
        const int Kills = 25;
        using var folder = new TemporaryFolder();
        string path = folder.File("store");
        var random = new Random(direct ? 1 : 2);
        long flushed = 0;
        int between = 0;
        FilePageStore.Open(path, CrashWriter.Options(direct)).Dispose();
        FillAll(path, 0);
        for (int kill = 0; kill < Kills; kill++)
        {
            flushed = await KillAsync(path, direct, flushed + 1, random) ?? flushed;
            long[] rounds = Rounds(path);
            Assert.Equal("", FindWrong(rounds, flushed));
            between += rounds.Distinct().Count() > 1 ? 1 : 0;
            FillAll(path, ++flushed); // and the next one goes on from there
        }

        Assert.True(between > 0, "the control: no kill came in the middle of a round");
    }

    [Fact]
    public void What_is_wrong_is_found()
    {
        byte[] page = new byte[Pattern.Page];
        CrashWriter.FillPage(page, 5, 77);
        Assert.Equal(77, CrashWriter.RoundOf(page, 5));
        Assert.Equal(-1, CrashWriter.RoundOf(page, 6)); // in another page's place
        byte[] newer = new byte[Pattern.Page];
        CrashWriter.FillPage(newer, 5, 78);
        newer.AsSpan(0, 512).CopyTo(page);
        Assert.Equal(-1, CrashWriter.RoundOf(page, 5)); // torn
        Assert.Equal("", FindWrong([7, 8, 7], 7));
        Assert.Contains("page 1 is torn", FindWrong([7, -1, 7], 7), StringComparison.Ordinal);
        Assert.Contains("page 2 is of round 6", FindWrong([7, 8, 6], 7), StringComparison.Ordinal);
        Assert.Contains("page 2 is of round 9", FindWrong([7, 8, 9], 7), StringComparison.Ordinal);
    }

    /// <summary>Each page is of the last round that was flushed or of the one after.</summary>
    private static string FindWrong(long[] rounds, long flushed)
    {
        int wrong = Array.FindIndex(rounds, round => round != flushed && round != flushed + 1);
        return wrong < 0
            ? ""
            : rounds[wrong] < 0
                ? string.Create(CultureInfo.InvariantCulture, $"page {wrong} is torn")
                : string.Create(CultureInfo.InvariantCulture, $"page {wrong} is of round {rounds[wrong]}, and {flushed} was flushed");
    }

    /// <summary>Starts one, and kills it at some moment after it has begun.</summary>
    /// <returns>The last round that it said to be flushed; null when it was killed before it said so of any.</returns>
    private static async Task<long?> KillAsync(string path, bool direct, long first, Random random)
    {
        var start = new ProcessStartInfo(Dotnet, [typeof(CrashWriter).Assembly.Location]) { UseShellExecute = false, RedirectStandardOutput = true };
        start.Environment[CrashWriter.Variable] = string.Create(CultureInfo.InvariantCulture, $"{path}|{direct}|{first}");
        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        long? last = null;
        try
        {
            // A random number of rounds, and a random part of one.
            byte[] number = new byte[8];
            for (int rounds = random.Next(0, 30); rounds > 0; rounds--)
            {
                await process.StandardOutput.BaseStream.ReadExactlyAsync(number, patience.Token);
                last = BitConverter.ToInt64(number);
            }

            Thread.SpinWait(random.Next(20_000));
            process.Kill();
            while (await process.StandardOutput.BaseStream.ReadAtLeastAsync(number, 8, throwOnEndOfStream: false, patience.Token) == 8)
            {
                last = BitConverter.ToInt64(number);
            }

            return last;
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(patience.Token);
        }
    }

    /// <summary>The round of each page.</summary>
    private static long[] Rounds(string path)
    {
        using FilePageStore store = FilePageStore.Open(path);
        byte[] page = new byte[Pattern.Page];
        long[] rounds = new long[CrashWriter.Pages];
        for (int index = 0; index < rounds.Length; index++)
        {
            store.Read((ulong)index * Pattern.Page, page);
            rounds[index] = CrashWriter.RoundOf(page, index);
        }

        return rounds;
    }

    private static void FillAll(string path, long round)
    {
        using FilePageStore store = FilePageStore.Open(path);
        byte[] page = new byte[Pattern.Page];
        for (int index = 0; index < CrashWriter.Pages; index++)
        {
            CrashWriter.FillPage(page, index, round);
            store.Write((ulong)index * Pattern.Page, page);
        }
    }
}
