using Uffd.Paging;

namespace Uffd.Tool.Tests.Serving;

/// <summary><c>uffd serve --record</c> and <c>--replay</c>.</summary>
public sealed class RecordTests
{
    private static readonly ulong Page = (ulong)Environment.SystemPageSize;

    [Fact]
    public async Task Touched_order_is_the_recorded_order_of_all_clients()
    {
        using var image = new ServedImage();
        string path = image.FilePath("set");
        await using ServeProcess serve = await image.ServeAsync("--record", path);
        await using (NativeTarget one = await image.StartTargetAsync())
        {
            await image.HandOverAsync(one);
            await using NativeTarget two = await image.StartTargetAsync();
            await image.HandOverAsync(two);
            await one.TouchAsync(40 * Page);
            await two.TouchAsync(7 * Page);
            await two.TouchAsync(8 * Page);
            await one.TouchAsync(7 * Page);
            Assert.False(File.Exists(path));
        }

        await serve.WaitForLineAsync("recorded 3 pages in 2 runs, 12 KiB");
        Assert.Equal([new SourceRange(40 * Page, Page), new SourceRange(7 * Page, 2 * Page)], WorkingSetFile.Read(path).Runs);

        // And at the end, with what a client that is still there has touched since.
        await using NativeTarget three = await image.StartTargetAsync();
        await image.HandOverAsync(three);
        await three.TouchAsync(0);
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("recorded 4 pages in 3 runs", run.Output, StringComparison.Ordinal);
        WorkingSet set = WorkingSetFile.Read(path);
        Assert.Equal([40 * Page, 7 * Page, 0UL], set.Runs.Select(run => run.Offset));
        Assert.Equal((ulong)image.Bytes.Length, set.ImageLength);
        Assert.DoesNotContain(Directory.GetFiles(Path.GetDirectoryName(path)!), file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Background_fill_runs_beside_a_recording_only_if_it_is_asked_for()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--record", image.FilePath("set"), "--background");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await serve.WaitForLineAsync("resident");
        await image.VerifyAsync(target);
        await target.CrashAsync();
        await serve.WaitForLineAsync("exited");
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.False(File.Exists(image.FilePath("set"))); // all was there before it was touched
    }

    [Fact]
    public async Task Replayed_set_is_there_before_it_is_touched_and_nothing_else_is()
    {
        using var image = new ServedImage();
        string path = image.FilePath("set");
        ulong[] touched = [5 * Page, 50 * Page, 6 * Page, 20 * Page, 0];
        await using (ServeProcess recording = await image.ServeAsync("--record", path, "--drain", "0"))
        {
            await using NativeTarget target = await image.StartTargetAsync();
            await image.HandOverAsync(target);
            await (await target.BeginTouchAsync(threads: 1, touched)).JoinTouchesAsync();
            await target.CrashAsync();
            await recording.WaitForLineAsync("recorded 5 pages");
            Assert.Equal(ExitCodes.Done, (await recording.StopAsync()).ExitCode);
        }

        await using ServeProcess serve = await image.ServeAsync("--replay", path, "--no-background");
        await using NativeTarget again = await image.StartTargetAsync();
        await image.HandOverAsync(again);
        await serve.WaitForLineAsync("attached");
        using (PagemapScan scan = PagemapScan.Open(again.ProcessId))
        {
            AddressRange region = await again.GetRegionAsync();
            var present = new PagemapScanOptions { AllOf = PageCategories.Present, Report = PageCategories.Present, RequireWriteProtectAsync = false };
            using var limit = new CancellationTokenSource(ServeProcess.Patience);
            IEnumerable<ulong> Found() => scan.ScanAll(region, present).SelectMany(run => Enumerable.Range(0, (int)(run.Range.Length / Page)).Select(page => run.Range.Start - region.Start + ((ulong)page * Page)));
            while (Found().Count() < touched.Length)
            {
                await Task.Delay(1, limit.Token);
            }

            Assert.Equal(touched.Order(), Found());
        }

        await (await again.BeginTouchAsync(threads: 1, touched)).JoinTouchesAsync();
        await again.CrashAsync();
        string told = await serve.WaitForLineAsync("exited");
        Assert.Contains(" 0 faults;", told, StringComparison.Ordinal);
        Assert.Contains(", 5 replayed,", told, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Done, (await serve.StopAsync()).ExitCode);
    }

    [Theory]
    [InlineData("missing", "there is no working set")]
    [InlineData("damaged", "cannot be used")]
    [InlineData("other", "does not fit the image")]
    public void Set_that_cannot_be_replayed_is_one_line_and_status_4(string name, string because)
    {
        using var image = new ServedImage();
        File.WriteAllText(image.FilePath("damaged"), "uffdwset");
        WorkingSetFile.Write(image.FilePath("other"), new WorkingSet([], 4096, 1 << 30));
        ToolRun run = ToolProcess.Run("serve", "--socket", image.Socket, "--image", image.Path, "--replay", image.FilePath(name));
        Assert.Equal(ExitCodes.BadInput, run.ExitCode);
        Assert.Contains(because, Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(run.Output);
        Assert.False(File.Exists(image.Socket));
    }

    [Fact]
    public void Set_that_could_not_be_written_is_told_at_once()
    {
        using var image = new ServedImage();
        ToolRun run = ToolProcess.Run("serve", "--socket", image.Socket, "--image", image.Path, "--record", image.FilePath("none/set"));
        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.Contains("cannot be written", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }
}
