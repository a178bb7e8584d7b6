namespace Uffd.Snapshots.Tests;

/// <summary>
/// The checks themselves: what is of one instant they let pass, also many times, and a copy that is not they catch. Without the second, the first means nothing.
/// </summary>
public class InvariantControlTests
{
    private const int Standing = 15;
    private const int Tries = 5;

    public static TheoryData<string> Parts => [.. InvariantProcess.AllParts, string.Join(',', InvariantProcess.AllParts)];

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Parts))]
    public async Task A_process_that_stands_keeps_its_promises(string parts)
    {
        await using InvariantProcess process = await InvariantProcess.StartAsync(parts);
        for (int count = 0; count < Standing; count++)
        {
            using MemorySnapshot snapshot = StandingCopy.Take(process.ProcessId);
            foreach (IInvariant invariant in process.Invariants())
            {
                invariant.Check(snapshot);
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

    private static bool IsCaught(InvariantProcess process, IInvariant invariant)
    {
        for (int count = 0; count < Tries; count++)
        {
            using MemorySnapshot snapshot = PlainCopy.Take(process.ProcessId);
            try
            {
                invariant.Check(snapshot);
            }
            catch (BrokenInvariantException)
            {
                return true;
            }
        }

        return false;
    }
}
