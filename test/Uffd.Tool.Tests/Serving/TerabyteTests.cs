using System.Globalization;

namespace Uffd.Tool.Tests.Serving;

/// <summary>Terabytes of which hardly anything is touched cost <c>uffd serve</c> hardly anything.</summary>
public sealed class TerabyteTests
{
    private const ulong Length = 4UL << 40;
    private const int Touches = 1000;
    private const int TouchesOfCommand = 50;

    [Fact]
    public async Task Thousand_scattered_faults_in_4_TiB_take_less_than_64_MiB()
    {
        ulong page = (ulong)Environment.SystemPageSize;
        using var folder = new TemporaryFolder();
        var random = new Random(9);
        ulong[] offsets = [.. Enumerable.Range(0, Touches).Select(_ => (ulong)random.NextInt64((long)(Length / page)) * page)];
        WriteImage(folder.File("image"), offsets.Where((_, index) => index % 2 == 0), page); // of the others nothing was ever written
        await using ServeProcess serve = await ServeProcess.StartAsync(folder.File("socket"), folder.File("image"), "--no-background");
        await WarmAsync(folder.File("socket"));
        await serve.WaitForLineAsync("exited");
        long before = await PrivateBytesAsync(serve.ProcessId);

        await using NativeTarget target = await NativeTarget.StartAsync(ServeProcess.Patience);
        AddressRange region = await target.MapAsync(Length);
        await target.CreateUserfaultfdAsync(UffdFeatures.EventRemove | UffdFeatures.EventUnmap);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        await HandOverAsync(target, region, folder.File("socket"));
        foreach (int[] some in Enumerable.Range(0, Touches).Chunk(TouchesOfCommand))
        {
            TargetJob job = await target.BeginTouchAsync(threads: 1, some.Select(index => offsets[index]));
            Assert.Equal(some.Select(index => index % 2 == 0 ? Mark(offsets[index]) : 0), (await job.JoinTouchesAsync()).Select(touch => touch.Value));
        }

        long grown = await PrivateBytesAsync(serve.ProcessId) - before;
        TestContext.Current.TestOutputHelper?.WriteLine($"the pager grew by {grown >> 10} KiB");
        Assert.InRange(grown, long.MinValue, 64L << 20);

        // Half of it discarded and a quarter unmapped: as little.
        await target.RunAsync($"dontneed 0 {Length / 2}");
        await target.RunAsync($"munmap {Length / 2} {Length / 4}");
        ulong kept = offsets.First(offset => offset > Length / 4 * 3);
        Assert.Equal(0, (await target.TouchAsync(offsets.First(offset => offset < Length / 2))).Value);
        Assert.Equal(Array.IndexOf(offsets, kept) % 2 == 0 ? Mark(kept) : 0, (await target.TouchAsync(kept)).Value);
        Assert.InRange(await PrivateBytesAsync(serve.ProcessId) - before, long.MinValue, 64L << 20);

        await target.CrashAsync(); // nothing is settled for a process that has ended
        string told = await serve.WaitForLineAsync("exited");
        Assert.Contains("4 TiB", told, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Done, (await serve.StopAsync()).ExitCode);
    }

    /// <summary>A client that comes and goes, so that all that serving loads is loaded.</summary>
    private static async Task WarmAsync(string socket)
    {
        await using NativeTarget target = await NativeTarget.StartAsync(ServeProcess.Patience);
        AddressRange region = await target.MapAsync(1 << 20);
        await target.CreateUserfaultfdAsync(UffdFeatures.EventRemove | UffdFeatures.EventUnmap);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        await HandOverAsync(target, region, socket);
        await target.HashAsync(0, region.Length);
    }

    private static Task HandOverAsync(NativeTarget target, AddressRange region, string socket)
        => target.SendAsync(socket, string.Create(CultureInfo.InvariantCulture, $$"""[{"base_host_virt_addr":{{region.Start}},"size":{{region.Length}},"offset":0,"page_size":4096,"page_size_kib":4096}]"""));

    private static int Mark(ulong offset) => (int)(1 + ((offset >> 12) % 255));

    private static void WriteImage(string path, IEnumerable<ulong> offsets, ulong page)
    {
        using FileStream file = File.Create(path);
        file.SetLength((long)Length);
        byte[] content = new byte[page];
        foreach (ulong offset in offsets)
        {
            Array.Fill(content, (byte)Mark(offset));
            RandomAccess.Write(file.SafeFileHandle, content, (long)offset);
        }
    }

    /// <summary>What is this process's own: the image's pages in the page cache are nobody's cost. Page tables are counted.</summary>
    private static async Task<long> PrivateBytesAsync(int processId)
    {
        long kilobytes = 0;
        foreach (string line in await File.ReadAllLinesAsync(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/status")))
        {
            string[] words = line.Split((char[])[':', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            kilobytes += words[0] is "RssAnon" or "RssShmem" or "VmPTE" ? long.Parse(words[1], CultureInfo.InvariantCulture) : 0;
        }

        return kilobytes << 10;
    }
}
