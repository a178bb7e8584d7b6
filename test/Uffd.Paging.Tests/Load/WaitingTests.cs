using System.Globalization;

namespace Uffd.Paging.Tests.Load;

/// <summary>Where the serving threads run, and what they cost while nothing happens.</summary>
[Collection(nameof(AloneCollection))]
public class WaitingTests
{
    private const ulong Length = 16 << 20;

    [Fact]
    public async Task Threads_run_where_they_were_told_to()
    {
        int cpu = CurrentThread.GetCpus()[^1];
        using var source = new GatedSource(Pattern.Bytes(Length)); // the threads that read live until they were looked at
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Options = new AddressSpaceOptions { BackgroundFill = true, Cpus = [cpu] },
        });
        string[] names = [$"uffd-fault-{served.Space.Id}", $"uffd-fill-{served.Space.Id}"];
        try
        {
            foreach (string name in names)
            {
                Assert.Equal($"{cpu}", await StatusAsync(name, "Cpus_allowed_list"));
            }
        }
        finally
        {
            source.Open();
        }

        await served.ResidentAsync();
        Assert.Empty(served.Notices);
    }

    [Fact]
    public async Task Cpu_that_is_not_there_is_refused_before_anything_is_served()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Served.Page));
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(() => Served.StartAsync(Served.Page, source, new Setup
        {
            Options = new AddressSpaceOptions { Cpus = [CurrentThread.GetCpus()[0], 8191] },
        }));
        Assert.Contains("CPUs 8191 do not exist", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(500_000)]
    public async Task Idle_space_uses_no_cpu(int? spinMicroseconds)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Options = new AddressSpaceOptions
            {
                BackgroundFill = false,
                Spin = spinMicroseconds is { } spin ? TimeSpan.FromMicroseconds(spin) : null,
            },
        });
        await served.HashAsync(0, Length); // busy first, so that a policy may have begun to spin
        string thread = $"uffd-fault-{served.Space.Id}";
        TimeSpan before = await ProcessorTimeAsync(thread);
        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        TimeSpan used = await ProcessorTimeAsync(thread) - before;

        // The control: a fixed spin is as long as it was told to be, and seen.
        Assert.True(spinMicroseconds is null ? used < TimeSpan.FromMilliseconds(20) : used > TimeSpan.FromMilliseconds(20), $"{used.TotalMilliseconds} ms of CPU time in a second");
    }

    private static async Task<TimeSpan> ProcessorTimeAsync(string thread)
        => TimeSpan.FromMicroseconds(long.Parse((await ReadAsync(thread, "schedstat")).Split(' ')[0], CultureInfo.InvariantCulture) / 1000);

    private static async Task<string> StatusAsync(string thread, string field)
        => (await ReadAsync(thread, "status")).Split('\n').First(line => line.StartsWith(field + ":", StringComparison.Ordinal))[(field.Length + 1)..].Trim();

    /// <summary>A file of a thread in /proc. It may not have its name yet.</summary>
    private static async Task<string> ReadAsync(string thread, string file)
    {
        for (int tries = 0; tries < 200; tries++)
        {
            foreach (string task in Directory.EnumerateDirectories("/proc/self/task"))
            {
                try
                {
                    if (string.Equals((await File.ReadAllTextAsync(Path.Combine(task, "comm"))).Trim(), thread, StringComparison.Ordinal))
                    {
                        return await File.ReadAllTextAsync(Path.Combine(task, file));
                    }
                }
                catch (IOException)
                {
                    // It has just ended.
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        throw new InvalidOperationException($"there is no thread {thread}");
    }
}
