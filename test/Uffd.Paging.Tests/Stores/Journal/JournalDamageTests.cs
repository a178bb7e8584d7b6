namespace Uffd.Paging.Tests.Stores;

/// <summary>A journal that was changed by something else: it is refused and nothing is touched, or what comes of it is a flush's content.</summary>
public class JournalDamageTests
{
    private const int Page = PackedPages.Page;
    private const int Length = 3 * Page;

    private static readonly byte[] Before = [.. PackedPages.Make(1, Page), .. PackedPages.Make(2, Page), .. new byte[Page]];
    private static readonly byte[] After = [.. PackedPages.Make(3, Page), .. PackedPages.Make(2, Page), .. PackedPages.Make(4, Page)];

    /// <summary>From the flush's beginning to its end, and one in which nothing is.</summary>
    public static TheoryData<int> Moments => [.. Enumerable.Range(0, Script().Count)];

    [Theory]
    [MemberData(nameof(Moments))]
    public void Every_flipped_bit_is_refused_or_a_state(int moment)
    {
        (byte[] journal, byte[] store) = Script()[moment];
        int refused = 0;
        int accepted = 0;

        for (int bit = 0; bit < 8 * journal.Length; bit += Step(journal, bit / 8))
        {
            byte[] damaged = [.. journal];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            if (IsRefused(damaged, store, out string what))
            {
                refused++;
                Assert.DoesNotContain('\n', what);
            }
            else
            {
                accepted++;
                Assert.True(what.Length == 0, $"bit {bit} of moment {moment}: {what}");
            }
        }

        Assert.True(accepted > 0);
        Assert.True(IsState(store) || refused > 0, "the control: where a commit is needed, damage to it is seen");
    }

    [Theory]
    [MemberData(nameof(Moments))]
    public void Every_cut_is_refused_or_a_state(int moment)
    {
        (byte[] journal, byte[] store) = Script()[moment];
        for (int length = 0; length < journal.Length; length += length % 512 is 511 or 0 ? 1 : 73)
        {
            if (!IsRefused(journal[..length], store, out string what))
            {
                Assert.True(what.Length == 0, $"cut to {length} at moment {moment}: {what}");
            }
        }
    }

    [Fact]
    public void Needed_commit_that_is_damaged_is_told_so()
    {
        (byte[] journal, byte[] store) = Script().First(one => !IsState(one.Store));
        foreach (int at in new[] { 2 * Page, (3 * Page) + 5, (4 * Page) + 40 }) // both pages and the record
        {
            byte[] damaged = [.. journal];
            damaged[at] ^= 1;
            Assert.True(IsRefused(damaged, store, out string what));
            Assert.Contains("is damaged", what, StringComparison.Ordinal);
        }

        Assert.True(IsRefused(new byte[100], store, out string none));
        Assert.Contains("is no journal", none, StringComparison.Ordinal);
        Assert.True(IsRefused([], store, out _));
    }

    [Fact]
    public void Hostile_commit_with_right_checksums_is_refused()
    {
        var file = new CrashDisk().Create("journal", []);
        JournalHeaders.Format(file, Length, default);
        JournalHeaders headers = JournalHeaders.Load(file, Length, default);
        byte[] page = PackedPages.Make(1, Page); // as it is in the store: the control changes nothing
        file.Write(2 * Page, page);
        var good = new JournalPlace(2, Crc32C.Of(page));
        JournalEntry[][] hostile =
        [
            [new(3, good)], // behind the store's end
            [new(ulong.MaxValue, good)],
            [new(1, good), new(1, good)], // twice
            [new(2, good), new(1, good)], // not in order
            [new(0, good with { Block = 0 })], // a header
            [new(0, good with { Block = 3 })], // the record itself
            [new(0, good with { Block = uint.MaxValue })],
            [new(0, good with { Checksum = 1 })],
        ];
        foreach (JournalEntry[] entries in hostile)
        {
            JournalRecordPlace place = JournalRecord.Write(file, 3, entries);
            headers.WriteCurrent(JournalState.Committed, place);
            Assert.True(IsRefused([.. file.Seen], Before, out _));
        }

        JournalRecordPlace fair = JournalRecord.Write(file, 3, [new(0, good)]);
        foreach (JournalRecordPlace place in new[] { fair with { Block = 1 }, fair with { Block = 4 }, fair with { Block = ulong.MaxValue }, fair with { Pages = 2 }, fair with { Pages = ulong.MaxValue }, fair with { Checksum = 0 } })
        {
            headers.WriteCurrent(JournalState.Committed, place);
            Assert.True(IsRefused([.. file.Seen], Before, out _));
        }

        headers.WriteCurrent(JournalState.Committed, fair);
        Assert.False(IsRefused([.. file.Seen], Before, out _), "the control");
    }

    /// <summary>Two flushes, the second of which is stopped after each of its operations with all that it wrote kept.</summary>
    private static List<(byte[] Journal, byte[] Store)> Script()
    {
        var moments = new List<(byte[], byte[])>();
        for (int at = 0; ; at++)
        {
            int first = -1;
            var disk = new CrashDisk { LosesPowerAt = at, Loss = 0 };
            CrashDisk.CrashFile made = new CrashDisk().Create("journal", []);
            JournalHeaders.Format(made, Length, default);
            CrashDisk.CrashFile journal = disk.Create("journal", made.Seen);
            CrashDisk.CrashFile store = disk.Create("store", new byte[Length]);
            bool crashed = false;
            try
            {
                using var journaled = new JournaledPageStore(new CrashStore(store), journal, null);
                journaled.Write(0, Before.AsSpan(0, 2 * Page));
                journaled.Flush();
                first = disk.Operations;
                journaled.Write(2 * Page, After.AsSpan(2 * Page));
                journaled.Write(0, After.AsSpan(0, Page));
                journaled.Flush();
            }
            catch (PowerLostException)
            {
                crashed = true;
            }

            if (first >= 0)
            {
                moments.Add((journal.Seen, store.Seen));
                if (!crashed)
                {
                    Assert.Equal(After, store.Seen);
                    return moments;
                }
            }
        }
    }

    private static bool IsState(byte[] store) => store.AsSpan().SequenceEqual(Before) || store.AsSpan().SequenceEqual(After);

    /// <summary>How far it is to the next bit: to the very next where something is told, some further in pages and where all is zeros.</summary>
    private static int Step(byte[] journal, int offset)
    {
        bool isPage = offset >= 2 * Page && !journal.AsSpan(offset / Page * Page).StartsWith("UFFDCMIT"u8);
        return isPage ? 211 : offset % Page is < 80 or >= Page - 4 ? 1 : 101;
    }

    /// <summary>Opens a journal that is not what it was; says why it was refused, or else what is wrong, nothing for nothing.</summary>
    private static bool IsRefused(byte[] journal, byte[] store, out string what)
    {
        var disk = new CrashDisk { Loss = 1 };
        CrashDisk.CrashFile storeFile = disk.Create("store", [.. store]);
        CrashDisk.CrashFile journalFile = disk.Create("journal", journal);
        try
        {
            using var journaled = new JournaledPageStore(new CrashStore(storeFile), journalFile, null);
        }
        catch (InvalidDataException exception)
        {
            what = exception.Message;
            Assert.True(store.AsSpan().SequenceEqual(storeFile.Seen)); // nothing was touched, and the journal not either
            Assert.True(journal.AsSpan().SequenceEqual(journalFile.Seen));
            return true;
        }

        // The flush is brought to its end, or, if it had not touched the store, dropped.
        bool wasTouched = !store.AsSpan().SequenceEqual(Before);
        what = storeFile.AfterLoss() is var found && (found.AsSpan().SequenceEqual(After) || (!wasTouched && found.AsSpan().SequenceEqual(Before)))
            ? ""
            : "the store is a mix, or of the wrong flush";
        return false;
    }
}
