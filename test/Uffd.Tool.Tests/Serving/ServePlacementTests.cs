using System.Globalization;

namespace Uffd.Tool.Tests.Serving;

/// <summary><c>uffd serve --cpus</c>, and what a daemon costs that nobody asks for anything.</summary>
public sealed class ServePlacementTests
{
    [Fact]
    public async Task Faults_are_served_on_the_cpus_that_were_named()
    {
        int cpu = CurrentThread.GetCpus()[^1];
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background", "--cpus", $"{cpu}");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target); // all of it was served, so the thread has long been bound
        string[] bound = [.. Directory.EnumerateDirectories($"/proc/{serve.ProcessId}/task")
            .Where(task => File.ReadAllText($"{task}/comm").StartsWith("uffd-fault", StringComparison.Ordinal))
            .Select(task => File.ReadLines($"{task}/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)))];
        Assert.Contains($"Cpus_allowed_list:\t{cpu}", bound, StringComparer.Ordinal); // a thread of the runtime that it has just started has its name at first, too
        await serve.StopAsync();
    }

    [Fact]
    public async Task Idle_daemon_uses_no_cpu()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await image.VerifyAsync(target);
        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken); // what the runtime has left to do
        TimeSpan before = ProcessorTime();
        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        TimeSpan used = ProcessorTime() - before;
        Assert.True(used < TimeSpan.FromMilliseconds(50), $"{used.TotalMilliseconds} ms of CPU time in a second");
        await serve.StopAsync();

        // Of all its threads, in nanoseconds.
        TimeSpan ProcessorTime() => TimeSpan.FromMicroseconds(Directory.EnumerateDirectories($"/proc/{serve.ProcessId}/task")
            .Sum(task => long.Parse(File.ReadAllText($"{task}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture)) / 1000);
    }
}
