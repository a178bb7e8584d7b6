namespace Uffd.Paging.Tests.Stores;

/// <summary>The power goes at every operation on either file, with any part of what was not synced: what is left is a flush's content, whole.</summary>
public class JournalCrashTests
{
    private static readonly (double Loss, int Seed)[] Losses = [(0, 0), (1, 0), (0.5, 1), (0.5, 2), (0.5, 3), (0.1, 4), (0.9, 5), (0.97, 6)];

    [Fact]
    public void Store_is_that_of_a_flush_wherever_the_power_goes()
    {
        int crashes = 0;
        foreach ((double loss, int seed) in Losses)
        {
            for (int at = 0; TryCrash(at, loss, seed, lies: false, out JournalWorkload workload, out byte[] journal, out byte[] store); at++, crashes++)
            {
                byte[] after = Reopen(journal, store);
                Assert.True(workload.Allows(after), $"operation {at}, loss {loss}, seed {seed}: {workload.Acknowledged} flushes, one under way: {workload.IsFlushing}");
            }
        }

        Assert.True(crashes > 400, "the control: there were crashes");
    }

    [Fact]
    public void Replay_may_be_cut_itself_anywhere_and_again()
    {
        foreach ((double loss, int seed) in Losses)
        {
            for (int at = 0; TryCrash(at, loss, seed, lies: false, out JournalWorkload workload, out byte[] journal, out byte[] store); at++)
            {
                for (int again = 0; ; again++)
                {
                    var disk = new CrashDisk { LosesPowerAt = again, Loss = loss, Random = new Random((at * 1000) + again) };
                    CrashDisk.CrashFile journalFile = disk.Create("journal", [.. journal]);
                    CrashDisk.CrashFile storeFile = disk.Create("store", [.. store]);
                    try
                    {
                        using var opened = new JournaledPageStore(new CrashStore(storeFile), journalFile, null);
                        break; // no operation is left to be cut
                    }
                    catch (PowerLostException)
                    {
                        Assert.True(workload.Allows(Reopen(journalFile.AfterLoss(), storeFile.AfterLoss())), $"operation {at}, then {again}, loss {loss}, seed {seed}");
                    }
                }
            }
        }
    }

    [Fact]
    public void Disk_that_does_not_sync_is_found()
    {
        // The control: where syncs do nothing, some crash leaves a mix or a journal that is refused.
        int wrong = 0;
        foreach ((double loss, int seed) in Losses)
        {
            for (int at = 0; TryCrash(at, loss, seed, lies: true, out JournalWorkload workload, out byte[] journal, out byte[] store); at++)
            {
                try
                {
                    wrong += workload.Allows(Reopen(journal, store)) ? 0 : 1;
                }
                catch (InvalidDataException)
                {
                    wrong++;
                }
            }
        }

        Assert.True(wrong > 20, $"{wrong} were found");
    }

    [Fact]
    public void Failure_anywhere_is_an_error_and_the_next_flush_repairs_it()
    {
        for (int seed = 0; seed < 8; seed++)
        {
            for (int at = 0; ; at++)
            {
                var disk = new CrashDisk { FailsAt = at, Random = new Random(seed), Loss = seed == 0 ? 1 : 0.5 };
                CrashDisk.CrashFile journal = NewJournal(disk);
                CrashDisk.CrashFile store = disk.Create("store", new byte[JournalWorkload.Length]);
                using var journaled = new JournaledPageStore(new CrashStore(store), journal, null);
                var workload = new JournalWorkload();
                int failures = 0;
                while (workload.Acknowledged < JournalWorkload.Flushes)
                {
                    try
                    {
                        workload.Run(journaled);
                    }
                    catch (IOException)
                    {
                        failures++;
                        Assert.True(failures <= 3, $"operation {at}, seed {seed}: it never recovers");

                        // A flush that failed is a crash's place too: what is durable must be good.
                        Assert.True(workload.Allows(Reopen(journal.AfterLoss(), store.AfterLoss())), $"after operation {at}, seed {seed}");
                    }

                    Assert.True(workload.Allows(Reopen(journal.AfterLoss(), store.AfterLoss())), $"operation {at}, seed {seed}");
                }

                if (disk.Operations <= at)
                {
                    break;
                }
            }
        }
    }

    /// <summary>Runs the work until the power goes.</summary>
    /// <returns>False when it came to its end before.</returns>
    internal static bool TryCrash(int at, double loss, int seed, bool lies, out JournalWorkload workload, out byte[] journal, out byte[] store)
    {
        var disk = new CrashDisk { LosesPowerAt = at, Loss = loss, Random = new Random(seed), Lies = lies };
        CrashDisk.CrashFile journalFile = NewJournal(disk);
        CrashDisk.CrashFile storeFile = disk.Create("store", new byte[JournalWorkload.Length]);
        workload = new JournalWorkload();
        try
        {
            using var journaled = new JournaledPageStore(new CrashStore(storeFile), journalFile, null);
            workload.Run(journaled);
            return false;
        }
        catch (PowerLostException)
        {
            return true;
        }
        finally
        {
            (journal, store) = (journalFile.AfterLoss(), storeFile.AfterLoss());
        }
    }

    /// <summary>Opens what is left, and gives what the store has then. It can be written and flushed as before.</summary>
    internal static byte[] Reopen(byte[] journal, byte[] store)
    {
        var disk = new CrashDisk { Loss = 1 };
        CrashDisk.CrashFile journalFile = disk.Create("journal", [.. journal]);
        CrashDisk.CrashFile storeFile = disk.Create("store", [.. store]);
        byte[] found;
        using (var journaled = new JournaledPageStore(new CrashStore(storeFile), journalFile, null))
        {
            found = PackedPages.Read(journaled, 0, JournalWorkload.Length);
            Assert.Equal(found, storeFile.AfterLoss()); // what was replayed is durable
            journaled.Write(0, new byte[JournalWorkload.Page]);
            journaled.Flush();
            journaled.Write(0, PackedPages.Make(1, 4096)); // and dropped
        }

        byte[] expected = [.. new byte[JournalWorkload.Page], .. found[JournalWorkload.Page..]];
        Assert.Equal(expected, storeFile.AfterLoss());
        return found;
    }

    /// <summary>A journal as a new one is made: whole before it has its name.</summary>
    internal static CrashDisk.CrashFile NewJournal(CrashDisk disk)
    {
        CrashDisk.CrashFile made = new CrashDisk().Create("journal", []);
        JournalHeaders.Format(made, JournalWorkload.Length, default);
        return disk.Create("journal", made.Seen);
    }
}
