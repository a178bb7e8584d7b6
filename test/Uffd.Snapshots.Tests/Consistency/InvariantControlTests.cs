namespace Uffd.Snapshots.Tests;

/// <summary>
/// The checks themselves: what is of one instant they let pass, also many times, and a copy that is not they catch. Without the second, the first means nothing.
/// </summary>
public class InvariantControlTests
{
    private const int Tries = 100; // a process that has just begun may have little to break

    public static TheoryData<string> Parts => [.. InvariantProcess.AllParts, string.Join(',', InvariantProcess.AllParts)];

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Parts))]
    public async Task A_process_that_stands_keeps_its_promises(string parts)
    {
        await using InvariantProcess process = await InvariantProcess.StartAsync(parts);
        for (int count = 0; count < InvariantTests.Count; count++)
        {
            using MemorySnapshot snapshot = StandingCopy.Take(process.ProcessId);
            foreach (IInvariant invariant in process.Invariants())
            {
                invariant.Check(snapshot);
                Assert.Equal(0UL, (invariant as ChurnInvariant)?.Refusals(snapshot) ?? 0);
            }

            await Task.Delay(Random.Shared.Next(20), TestContext.Current.CancellationToken); // elsewhere in its work
        }

        await process.EndAsync();
    }

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Parts))]
    public async Task A_plain_copy_of_a_running_process_is_caught(string parts)
    {
        await using InvariantProcess process = await InvariantProcess.StartAsync(parts);
        foreach (IInvariant invariant in process.Invariants())
        {
            Assert.True(IsCaught(process, invariant), $"{Tries} copies without a stop, and {invariant.GetType().Name} noticed nothing");
        }

        await process.EndAsync();
    }

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Parts))]
    public async Task A_single_page_of_an_earlier_instant_is_caught(string parts)
    {
        // What a snapshot would be that had missed one write. Not every page is looked at (stacks, nodes that nobody points to), but most are.
        const int Sampled = 60;
        await using InvariantProcess process = await InvariantProcess.StartAsync(parts);
        using MemorySnapshot earlier = StandingCopy.Take(process.ProcessId);
        using MemorySnapshot later = await TakeLaterAsync(process, earlier, Sampled);
        ulong[] changed = [.. later.Differences(earlier)];
        Random.Shared.Shuffle(changed);
        ulong[] sample = [.. changed.Take(Sampled)];
        int caught = sample.Count(page =>
        {
            using MemorySnapshot mixed = later.WithPageOf(earlier, page);
            return process.Invariants().Any(invariant => Catches(invariant, mixed));
        });

        Assert.True(caught > 0 && (caught > sample.Length / 2 || sample.Length < Sampled), $"of {sample.Length} pages, each alone of an earlier instant, {caught} were noticed");
        await process.EndAsync();
    }

    [Fact(Timeout = 120_000)]
    public async Task What_gcore_copies_keeps_its_promises()
    {
        using var folder = new TemporaryFolder();
        await using InvariantProcess process = await InvariantProcess.StartAsync(string.Join(',', InvariantProcess.AllParts));
        for (int count = 0; count < 2; count++)
        {
            using CoreFile core = await Task.Run(() => GcoreCopy.Take(process.ProcessId, folder));
            foreach (IInvariant invariant in process.Invariants(mayLackHidden: true))
            {
                invariant.Check(core);
            }
        }

        await process.EndAsync();
    }

    /// <summary>A copy of when many pages have changed, or of three seconds later: where processors are busy a process comes to little in a moment.</summary>
    private static async Task<MemorySnapshot> TakeLaterAsync(InvariantProcess process, MemorySnapshot earlier, int pages)
    {
        for (int count = 0; ; count++)
        {
            await Task.Delay(300, TestContext.Current.CancellationToken);
            MemorySnapshot later = StandingCopy.Take(process.ProcessId);
            if (count == 9 || later.Differences(earlier).Skip(pages).Any())
            {
                return later;
            }

            later.Dispose();
        }
    }

    private static bool IsCaught(InvariantProcess process, IInvariant invariant)
    {
        for (int count = 0; count < Tries; count++)
        {
            using MemorySnapshot snapshot = PlainCopy.Take(process.ProcessId);
            if (Catches(invariant, snapshot))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Catches(IInvariant invariant, ISnapshot snapshot)
    {
        try
        {
            invariant.Check(snapshot);
            return false;
        }
        catch (BrokenInvariantException)
        {
            return true;
        }
    }
}
