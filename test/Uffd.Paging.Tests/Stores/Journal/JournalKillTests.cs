using System.Diagnostics;
using System.Globalization;

namespace Uffd.Paging.Tests.Stores;

/// <summary>A process that writes and flushes is killed at any moment, with the system's own files.</summary>
public class JournalKillTests
{
    private const int Kills = 30;

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(30));

    [Fact]
    public async Task Killed_process_leaves_a_flush_whole()
    {
        using var folder = new MemoryFolder();
        var random = new Random(1);
        long acknowledged = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            acknowledged = await RunAndKillAsync(folder.Path, journaled: true, acknowledged, random);
            using var inner = new PlainFileStore(folder.File("store"), JournalWriter.Length);
            using var store = new JournaledPageStore(inner, folder.File("journal"), ownsInner: false);
            long found = JournalWriter.RoundOf(PackedPages.Read(store, 0, (int)JournalWriter.Length));
            Assert.True(found == acknowledged || found == acknowledged + 1, $"kill {kill}: round {found} was found, and {acknowledged} had been flushed");
            acknowledged = found;
        }

        Assert.True(acknowledged > Kills, "the control: there were flushes");
    }

    [Fact]
    public async Task Store_without_a_journal_is_found_to_be_a_mix()
    {
        using var folder = new MemoryFolder();
        var random = new Random(1);
        for (int kill = 0; kill < Kills; kill++)
        {
            await RunAndKillAsync(folder.Path, journaled: false, acknowledged: 0, random);
            if (JournalWriter.RoundOf(await File.ReadAllBytesAsync(folder.File("store"), TestContext.Current.CancellationToken)) < 0)
            {
                return;
            }
        }

        Assert.Fail("no kill left a mix");
    }

    /// <summary>Lets a process write for some time after its first flush.</summary>
    /// <returns>The last flush it told of.</returns>
    private static async Task<long> RunAndKillAsync(string folder, bool journaled, long acknowledged, Random random)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardOutput = true };
        if (string.Equals(Path.GetFileNameWithoutExtension(Environment.ProcessPath), "dotnet", StringComparison.Ordinal))
        {
            start.ArgumentList.Add(typeof(JournalKillTests).Assembly.Location);
        }

        start.Environment[JournalWriter.FolderVariable] = folder;
        start.Environment[JournalWriter.JournaledVariable] = journaled ? "1" : "0";
        using Process process = Process.Start(start)!;
        try
        {
            string? line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience);
            Assert.Equal("begins", line);
            await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 40), TestContext.Current.CancellationToken);
        }
        finally
        {
            process.Kill();
        }

        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience) is { } line)
        {
            // The last line may be cut in the middle: each ends with a point.
            acknowledged = line.EndsWith('.') ? long.Parse(line.AsSpan(0, line.Length - 1), CultureInfo.InvariantCulture) : acknowledged;
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience);
        return acknowledged;
    }

    /// <summary>In memory, where a sync takes no time: what a process has written outlives it there as well as on a disk.</summary>
    private sealed class MemoryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateDirectory($"{(Directory.Exists("/dev/shm") ? "/dev/shm" : "/tmp")}/uffd-{Guid.NewGuid():N}").FullName;

        public string File(string name) => System.IO.Path.Combine(Path, name);

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
