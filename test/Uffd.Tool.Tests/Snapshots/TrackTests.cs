using System.Text.Json;
using Spectre.Console;
using Uffd.Processes;
using Uffd.Snapshots;
using Uffd.Tool.Commands;
using Uffd.Tool.Output;

namespace Uffd.Tool.Tests.Snapshots;

/// <summary>What <c>uffd track</c> makes of samples.</summary>
public sealed class TrackTests
{
    private const ulong Page = 4096;
    private const ulong HeapStart = 0x10000000;
    private const ulong StackStart = 0x7ffc00000000;

    [Fact]
    public void Rate_working_set_and_share_are_by_mapping()
    {
        var history = new TrackHistory();
        history.Add(Sample(2, [(0, 256), (512, 256)]));
        history.Add(Sample(2, [(128, 256)], stack: 1));
        var text = new StringWriter();
        TrackText.Write(history, 42, TimeSpan.FromMilliseconds(0.3), text);
        Assert.Equal(
            """
            pid 42, 4.0 s: 514 KiB/s written, 128 pages/s; attach stop 0.30 ms
              address          size  resident  written/s  share      set  name
              000010000000    8 MiB     4 MiB  512 KiB/s   25 %  2.5 MiB  [heap]
              7ffc00000000  132 KiB    12 KiB    2 KiB/s   33 %    4 KiB  [stack]
              all           8.1 MiB     4 MiB  514 KiB/s   25 %  2.5 MiB  2 mappings

            """,
            text.ToString());
    }

    [Fact]
    public void Busiest_mappings_are_shown_in_order_of_address()
    {
        var history = new TrackHistory();
        history.Add(Sample(1, [(0, 1)], stack: 3));
        Assert.Equal(["7ffc00000000"], TrackText.Rows(history, most: 1).Select(row => row[0]), StringComparer.Ordinal);
        Assert.Equal(["000010000000", "7ffc00000000"], TrackText.Rows(history).Select(row => row[0]), StringComparer.Ordinal);
    }

    [Fact]
    public void Memory_that_was_unmapped_leaves_the_working_set()
    {
        var history = new TrackHistory();
        history.Add(Sample(1, [(0, 256)]));
        history.Add(new DirtySample(TimeSpan.FromSeconds(1), [Mapping(HeapStart, 128 * Page, 128 * Page, "[heap]")]));
        history.Add(Sample(1, []));
        Assert.Equal(128 * Page, history.WorkingSetOf(history.Latest!.Mappings[0].Mapping));
    }

    [Fact]
    public void Map_shows_where_and_when()
    {
        var history = new TrackHistory();
        history.Add(Sample(1, [(0, 512)])); // the first quarter of the heap, whole
        history.Add(Sample(1, [(1536, 512)])); // the last
        history.Add(Sample(1, [(512, 1)]));
        TrackHeat heat = history.Heat(4, 10);
        Assert.Equal(["000010000000", "000010200000", "000010400000", "000010600000"], heat.Labels, StringComparer.Ordinal);
        Assert.Equal(3, heat.Columns);
        Assert.Equal([8, 0, 0], Enumerable.Range(0, 3).Select(column => heat.LevelOf(0, column)));
        Assert.Equal([0, 0, 1], Enumerable.Range(0, 3).Select(column => heat.LevelOf(1, column)));
        Assert.Equal([0, 0, 0], Enumerable.Range(0, 3).Select(column => heat.LevelOf(2, column)));
        Assert.Equal(8, heat.LevelOf(3, 1)); // the stack lies in the same row, and has nothing in memory that is drawn
        Assert.Equal(2, history.Heat(4, 2).Columns);
        Assert.Single(history.Heat(1, 2).Labels);
    }

    [Fact]
    public void Large_mapping_with_little_in_it_is_drawn_where_it_was_written()
    {
        var history = new TrackHistory();
        history.Add(new DirtySample(TimeSpan.FromSeconds(1), [Mapping(0x100000000000, 1UL << 44, 64 * Page, "", (1_000_000, 1))]));
        TrackHeat heat = history.Heat(20, 10);
        Assert.Equal("1000f4200000", Assert.Single(heat.Labels));
        Assert.True(heat.LevelOf(0, 0) > 0);
    }

    [Fact]
    public void Map_forgets_what_is_too_old()
    {
        var history = new TrackHistory();
        for (int sample = 0; sample < TrackHistory.Longest + 10; sample++)
        {
            history.Add(Sample(1, []));
        }

        Assert.Equal(TrackHistory.Longest, history.Heat(4, int.MaxValue).Columns);
        Assert.Equal(TrackHistory.Longest + 10, history.Count);
    }

    [Theory]
    [InlineData(80, 24)]
    [InlineData(40, 10)]
    [InlineData(200, 60)]
    public void Frame_fits_the_terminal(int width, int height)
    {
        var history = new TrackHistory();
        history.Add(new DirtySample(TimeSpan.FromSeconds(1), [.. Enumerable.Range(0, 100).Select(index => Mapping(HeapStart + ((ulong)index << 24), 8 << 20, 8 << 20, $"/a/very/long/path/of/a/library/{index}", (0, 300)))]));
        var output = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = width;
        console.Write(TrackScreen.Render(history, 42, TimeSpan.FromMilliseconds(0.3), width, height));
        string[] lines = output.ToString().TrimEnd('\n').Split('\n');
        Assert.All(lines, line => Assert.True(line.TrimEnd().Length <= width, line));
        if (width >= 80)
        {
            Assert.True(lines.Length >= height / 2 && lines.Length < height, output.ToString());
        }
    }

    [Fact]
    public void Json_is_one_sample()
    {
        var json = new StringWriter();
        JsonOutput.Write(json, TrackJson.From(Sample(2, [(0, 256)]), 42, TimeSpan.FromMilliseconds(0.3)));
        using JsonDocument document = JsonDocument.Parse(json.ToString());
        JsonElement root = document.RootElement;
        Assert.Equal(["pid", "attachPauseMs", "seconds", "writtenBytes", "writtenBytesPerSecond", "residentBytes", "mappings"], root.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
        Assert.Equal(128 * Page, (ulong)root.GetProperty("writtenBytesPerSecond").GetDouble());
        Assert.Equal("[heap]", root.GetProperty("mappings")[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task Watching_ends_by_count_by_interruption_and_with_the_process()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        Assert.Equal(3, await CountAsync(new TrackWatch(TimeSpan.FromMilliseconds(1), 3), () => Sample(1, []), cancellation));

        using var interruption = new CancellationTokenSource();
        int taken = 0;
        Assert.Equal(2, await CountAsync(new TrackWatch(TimeSpan.FromMilliseconds(1), int.MaxValue), () => ++taken == 2 ? Last(interruption) : Sample(1, []), interruption.Token));

        var watch = new TrackWatch(TimeSpan.FromMilliseconds(1), int.MaxValue);
        taken = 0;
        Assert.Equal(1, await CountAsync(watch, () => ++taken == 2 ? throw new UffdException("sample", Errno.ESRCH) : Sample(1, []), cancellation));
        Assert.Contains("ESRCH", watch.EndedWith, StringComparison.Ordinal);

        var failing = new TrackWatch(TimeSpan.FromMilliseconds(1), int.MaxValue);
        await Assert.ThrowsAsync<UffdException>(() => CountAsync(failing, () => throw new UffdException("sample", Errno.ESRCH), cancellation));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CountAsync(failing, () => Sample(1, []), new CancellationToken(canceled: true)));
    }

    private static async Task<int> CountAsync(TrackWatch watch, Func<DirtySample> sample, CancellationToken cancellation)
    {
        int count = 0;
        await foreach (TrackHistory _ in watch.SampleAsync(sample, cancellation))
        {
            count++;
        }

        return count;
    }

    private static DirtySample Last(CancellationTokenSource interruption)
    {
        interruption.Cancel();
        return Sample(1, []);
    }

    /// <summary>A heap of 8 MiB, half of it in memory, and a stack.</summary>
    private static DirtySample Sample(double seconds, (ulong Page, ulong Pages)[] heap, ulong stack = 0) => new(
        TimeSpan.FromSeconds(seconds),
        [
            Mapping(HeapStart, 2048 * Page, 1024 * Page, "[heap]", heap),
            Mapping(StackStart, 33 * Page, 3 * Page, "[stack]", stack == 0 ? [] : [(0, stack)]),
        ]);

    private static DirtyMapping Mapping(ulong start, ulong length, ulong resident, string name, params (ulong Page, ulong Pages)[] written) => new(
        new MappedRegion(new AddressRange(start, length), RegionPermissions.Read | RegionPermissions.Write, 0, 0, 0, name),
        resident,
        [.. written.Select(run => new AddressRange(start + (run.Page * Page), run.Pages * Page))]);
}
