using System.Text.Json;
using Uffd.Snapshots;
using Uffd.Tool.Commands;
using Uffd.Tool.Output;

namespace Uffd.Tool.Tests.Snapshots;

/// <summary>What <c>uffd snapshot</c> shows of its progress and its report.</summary>
public sealed class SnapshotViewTests
{
    private static readonly SnapshotReport Report = new()
    {
        AttachPause = TimeSpan.FromMicroseconds(312.5),
        FinalPause = TimeSpan.FromMicroseconds(820),
        Rounds = [new(152_000, TimeSpan.FromSeconds(1)), new(3_200, TimeSpan.FromMilliseconds(20)), new(35, TimeSpan.FromMicroseconds(400))],
        Pages = 150_000,
        CopiedBytes = 635_842_560,
        FileBytes = 614_400_000,
        Duration = TimeSpan.FromSeconds(1.25),
        Threads = 5,
        Warnings = [],
    };

    [Fact]
    public void Table_at_the_end_has_both_stops()
    {
        var text = new StringWriter();
        SnapshotText.Write(Report, "core\u001b.1", "core", text);
        Assert.Equal(
            """
            file         core\u{1b}.1 (core), 585.9 MiB
            attach stop  0.31 ms, one thread
            last stop    0.82 ms, 5 threads
            rounds       3: 152,000, 3,200, 35 pages
            bytes        606.4 MiB copied, for 150,000 pages with content
            seconds      1.250
            throughput   485.1 MiB/s

            """,
            text.ToString());
        Assert.Contains(("slowed down", "by stops of up to 1.90 ms"), SnapshotText.Rows(Report with { LongestThrottlePause = TimeSpan.FromMilliseconds(1.9) }, "x", "core"));
        Assert.Contains(("attach stop", "none: no userfaultfd was taken"), SnapshotText.Rows(Report with { AttachPause = TimeSpan.Zero }, "x", "core"));
        Assert.Contains(("last stop", "1.30 s, 1 thread"), SnapshotText.Rows(Report with { FinalPause = TimeSpan.FromSeconds(1.3), Threads = 1 }, "x", "core"));
        Assert.Contains(("rounds", "9: 9, 8, 7, ..., 3, 2, 1 pages"), SnapshotText.Rows(Report with { Rounds = [.. Enumerable.Range(0, 9).Select(round => new SnapshotRound(9 - round, TimeSpan.Zero))] }, "x", "core"));
    }

    [Fact]
    public void Json_has_the_names_that_were_promised()
    {
        var json = new StringWriter();
        JsonOutput.Write(json, SnapshotJson.From(Report with { Warnings = ["a \"warning\""] }, 42, "core", "core"));
        using JsonDocument document = JsonDocument.Parse(json.ToString());
        JsonElement root = document.RootElement;
        Assert.Equal(
            ["pid", "file", "format", "attachPauseMs", "finalPauseMs", "throttlePauseMs", "rounds", "pages", "bytes", "seconds", "fileBytes", "threads", "roundPages", "roundSeconds", "warnings"],
            root.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
        Assert.Equal(0.3125, root.GetProperty("attachPauseMs").GetDouble());
        Assert.Equal(0.82, root.GetProperty("finalPauseMs").GetDouble());
        Assert.Equal(3, root.GetProperty("rounds").GetInt32());
        Assert.Equal(635_842_560, root.GetProperty("bytes").GetInt64());
        Assert.Equal([152_000L, 3_200, 35], root.GetProperty("roundPages").EnumerateArray().Select(pages => pages.GetInt64()));
    }

    [Fact]
    public void Progress_fits_beside_its_bar()
    {
        var moment = new SnapshotProgress(SnapshotPhase.Throttling, 12, 123_456_789, 200_000_000, 98_765_432, 123L << 30, TimeSpan.FromMinutes(3));
        Assert.Equal("slow round 12: 123M left, 99M dirty/s, 123 GiB", SnapshotText.Describe(moment));
        Assert.Equal(0.3827, SnapshotText.Share(moment), 4);
        Assert.Equal(0, SnapshotText.Share(default));
        Assert.Equal(1, SnapshotText.Share(moment with { RoundPages = 0 }));
        Assert.Equal(1, SnapshotText.Share(moment with { PagesLeft = -1 }));
        Assert.All(Enum.GetValues<SnapshotPhase>(), phase => Assert.InRange(SnapshotText.Describe(moment with { Phase = phase }).Length, 1, 50));
        Assert.Equal("slow round 12: 99M dirty/s, 123 GiB", SnapshotText.Describe(moment with { PagesLeft = long.MaxValue, RoundPages = long.MaxValue }));
        Assert.Equal("3 min 00 s: round 12; 99M pages written a second, slowed down", SnapshotText.Line(moment with { RoundPages = long.MaxValue }));
        Assert.Equal("3 min 00 s: round 12, 200,000,000 pages; 99M pages written a second, slowed down", SnapshotText.Line(moment));
    }

    [Fact]
    public async Task Result_and_failure_come_through_the_view()
    {
        var view = new SnapshotProgressView();
        Assert.Equal(7, await view.ShowAsync(screen: null, () =>
        {
            view.Tell(new SnapshotProgress(SnapshotPhase.Copying, 1, 2, 3, 4, 5, TimeSpan.Zero));
            return 7;
        }));
        await Assert.ThrowsAsync<UffdException>(() => view.ShowAsync<int>(screen: null, () => throw new UffdException("gone")));
    }

    [Fact]
    public void Telling_allocates_nothing()
    {
        var view = new SnapshotProgressView();
        var moment = new SnapshotProgress(SnapshotPhase.Copying, 1, 2, 3, 4, 5, TimeSpan.Zero);
        view.Tell(moment);
        long before = GC.GetAllocatedBytesForCurrentThread();
        view.Tell(moment);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [InlineData("2ms", 2)]
    [InlineData("500us", 0.5)]
    [InlineData("1.5 s", 1500)]
    [InlineData("3", 3000)]
    [InlineData("2min", 120_000)]
    public void Times_are_read(string text, double milliseconds)
    {
        Assert.True(SnapshotArguments.TryTime(text, out TimeSpan time));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), time);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("ms")]
    [InlineData("-1s")]
    [InlineData("1 week")]
    [InlineData("1.2.3s")]
    [InlineData("99999999999999999999999s")]
    public void What_is_no_time_is_refused(string? text) => Assert.False(SnapshotArguments.TryTime(text, out _));

    [Theory]
    [InlineData("plain [heap] (deleted)", "plain [heap] (deleted)")]
    [InlineData("\u001b]0;x\u0007", "\\u{1b}]0;x\\u{7}")]
    [InlineData("a\nb\tc", "a\\nb\\tc")]
    [InlineData("\u202egpj.exe", "\\u{202e}gpj.exe")]
    [InlineData("\u0085\u009b\u2028", "\\u{85}\\u{9b}\\u{2028}")]
    [InlineData("für 猫", "für 猫")]
    public void Hostile_names_are_shown_harmless(string name, string shown) => Assert.Equal(shown, InspectNames.Show(name));

    [Fact]
    public void Long_names_keep_their_end()
    {
        Assert.Equal(".../redis", InspectNames.Show("/usr/local/bin/redis", 9));
        Assert.Equal("short", InspectNames.Show("short", 5));
        Assert.Equal("ab", InspectNames.Show("abcdef", 2));
    }
}
