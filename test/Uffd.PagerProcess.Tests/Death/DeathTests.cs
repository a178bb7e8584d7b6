using System.Diagnostics;
using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Death;

/// <summary>Whoever of the three is killed: nobody reads zeros, nobody hangs, and nobody is left over.</summary>
public class DeathTests
{
    private const int SigBus = 128 + 7;
    private const long Limit = 256 << 10;

    private static readonly TimeSpan Soon = TestTime.Scaled(TimeSpan.FromSeconds(2));

    [Fact]
    public async Task Killed_pager_is_a_signal_to_its_client_within_2_seconds_and_never_zeros()
    {
        Requires.KernelFaults();
        using var image = new TestImage(512);
        using ClientProcess client = ClientProcess.Start("roam", image.Path, Limit);
        await client.BeReadyAsync();
        Processes.Kill(client.PagerProcessId);
        Assert.Equal(SigBus, await client.WaitForExitAsync(Soon));
        Assert.Contains("has died", await client.ReadErrorsAsync(), StringComparison.Ordinal);
        await Processes.WaitForEndAsync(client.GuardianProcessId, Soon);
    }

    [Fact]
    public async Task Killed_pager_ends_its_client_where_that_was_asked()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        using ClientProcess client = ClientProcess.Start("touch", image.Path, Limit, 0, (long)FaultFailurePolicy.Terminate);
        await client.BeReadyAsync();
        Processes.Kill(client.PagerProcessId);
        Assert.Equal(128 + 9, await client.WaitForExitAsync(Soon));
        await Processes.WaitForEndAsync(client.GuardianProcessId, Soon);
    }

    [Fact]
    public async Task Killed_client_ends_both_others_and_what_it_had_written_is_saved()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        using ClientProcess client = ClientProcess.Start("touch", image.Path, Limit, 0);
        await client.BeReadyAsync();
        client.Kill();
        await Processes.WaitForEndAsync(client.PagerProcessId, Soon);
        await Processes.WaitForEndAsync(client.GuardianProcessId, Soon);
        Assert.Equal(42UL, BitConverter.ToUInt64(image.ReadFile(0, 8)));
        Assert.Equal(1, image.Flushes);
    }

    [Fact]
    public async Task Killed_guardian_is_replaced_and_the_new_one_guards()
    {
        Requires.KernelFaults();
        using var image = new TestImage(512);
        using ClientProcess client = ClientProcess.Start("roam", image.Path, Limit);
        await client.BeReadyAsync();
        Processes.Kill(client.GuardianProcessId);
        int[] guardians = [];
        await RegionTouch.UntilAsync(
            () => (guardians = ChildrenOf(client.PagerProcessId)).Any(child => child != client.GuardianProcessId && IsGuarding(child)), "another guardian");
        Processes.Kill(client.PagerProcessId);
        Assert.Equal(SigBus, await client.WaitForExitAsync(Soon));
        foreach (int guardian in guardians)
        {
            await Processes.WaitForEndAsync(guardian, Soon);
        }
    }

    [Fact]
    public async Task Pagers_death_is_told_and_what_is_in_memory_can_still_be_read()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        var told = new TaskCompletionSource<RawRegionFailedEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        region.Failed += (_, failed) => told.TrySetResult(failed);
        await region.WriteAsync(0, 9, 4096);
        await region.ReadAsync(4096, 1);
        Processes.Kill(region.PagerProcessId);
        Assert.Equal(RawRegionTrouble.PagerGone, (await told.Task.WaitAsync(Soon, TestContext.Current.CancellationToken)).Trouble);
        Assert.NotNull(region.Failure);
        Assert.All(await region.ReadAsync(0, 4096), value => Assert.Equal(9, value));
        await Assert.ThrowsAsync<IOException>(() => region.FlushAsync(TestContext.Current.CancellationToken));

        // A page that is missing, and one that would have to be saved: errors to the kernel's touch, signals to any other.
        Assert.Equal(Errno.EFAULT, await NativeTouch.Run(() => GuardedMemory.TryRead((ulong)region.Pointer + (40 * 4096), new byte[1])));
        Assert.Equal(-1, await NativeTouch.Run(() => ReadZerosInto(region.Pointer + 4096)));
        await Assert.ThrowsAsync<IOException>(async () => await region.DisposeAsync());
    }

    /// <summary>The pager process alone is told of the group's signals: its client decides.</summary>
    [Fact]
    public async Task Signals_of_the_terminal_do_not_end_the_pager_before_its_client()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        foreach (string signal in (string[])["-INT", "-TERM", "-HUP"])
        {
            foreach (int process in (int[])[region.PagerProcessId, region.GuardianProcessId])
            {
                using Process kill = Process.Start("kill", [signal, $"{process}"]);
                await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
        }

        await region.WriteAsync(4096, 8);
        region.Flush();
        Assert.Null(region.Failure);
        Assert.Equal(8, image.ReadFile(4096, 1)[0]);
    }

    private static int ReadZerosInto(nint address)
    {
        using var file = File.OpenHandle("/dev/zero");
        try
        {
            unsafe
            {
                return RandomAccess.Read(file, new Span<byte>((void*)address, 16), 0); // the kernel writes; a page that is lost is EFAULT
            }
        }
        catch (IOException)
        {
            return -1;
        }
    }

    private static int[] ChildrenOf(int processId)
    {
        try
        {
            return
            [
                .. Directory.EnumerateDirectories($"/proc/{processId}/task")
                    .SelectMany(task => File.ReadAllText($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    .Select(child => int.Parse(child, System.Globalization.CultureInfo.InvariantCulture)),
            ];
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static bool IsGuarding(int processId)
    {
        try
        {
            // Between fork and exec it has all that its parent has.
            return File.ReadAllText($"/proc/{processId}/cmdline").Contains($"\0{PagerVerbs.Guard}\0", StringComparison.Ordinal)
                && Directory.EnumerateFiles($"/proc/{processId}/fd").Any(file => new FileInfo(file).LinkTarget is "anon_inode:[userfaultfd]");
        }
        catch (IOException)
        {
            return false;
        }
    }
}
