using System.Runtime.InteropServices;

namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>
/// What a process that dies leaves behind: the store as it is at that moment. All that was written before the last flush that was
/// acknowledged is in it, and each page is of that time or later.
/// </summary>
public sealed class CrashTests
{
    private const int Pages = 600;
    private const int Threads = 3;

    [Fact]
    public async Task Store_has_what_was_written_before_each_acknowledged_flush_and_no_page_is_older()
    {
        using var small = new Small(Pages);
        long[] acknowledged = new long[Pages];
        long round = 0;
        var slips = new List<string>();
        using var barrier = new Barrier(Threads);
        using var over = new CancellationTokenSource();

        // Each page holds one number in all of its words, written in one copy; a number is larger than every one before it.
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Small.Run(() =>
        {
            var random = new Random(ModelOptions.SeedOr(11) + thread);
            long[] words = new long[MemoryStore.Page / 8];
            long[] own = new long[Pages];
            for (int turn = 0; turn < 60; turn++)
            {
                for (int write = 0; write < 150; write++)
                {
                    int page = (random.Next(Pages / Threads) * Threads) + thread;
                    own[page] = Interlocked.Increment(ref round);
                    words.AsSpan().Fill(own[page]);
                    small.Memory.CopyFrom(Small.At(page), MemoryMarshal.AsBytes(words.AsSpan()));
                }

                if (turn % 2 == 0)
                {
                    // Quiet: all of it must be there.
                    Assert.True(barrier.SignalAndWait(Gate.Patience));
                    if (thread == 0)
                    {
                        small.Region.Flush();
                        Look(small, acknowledged, slips);
                    }

                    Assert.True(barrier.SignalAndWait(Gate.Patience));
                    for (int page = thread; page < Pages; page += Threads)
                    {
                        if (acknowledged[page] != own[page])
                        {
                            lock (slips)
                            {
                                slips.Add($"page {page} holds {acknowledged[page]} after a flush and was written {own[page]}");
                            }
                        }
                    }
                }
                else if (thread == 0)
                {
                    small.Region.Flush(); // while the others write: nothing becomes older by it
                }
            }
        })));
        Assert.Empty(slips);
        small.AssertSound();
    }

    [Fact]
    public async Task Store_of_a_process_that_dies_at_any_moment_has_no_page_older_than_the_last_flush()
    {
        using var small = new Small(Pages);
        long[] written = new long[Pages];
        long[] flushed = new long[Pages];
        int looks = 0;
        string? slip = null;

        // Every write of the store is a moment at which the process could die: the pages that are not in that write are looked at.
        small.Store.OnWrite = (offset, length) =>
        {
            looks++;
            for (int page = 0; page < Pages; page++)
            {
                if (Small.At(page) >= offset && Small.At(page) < offset + length)
                {
                    continue; // torn, as a store may leave it: its older content is the store's own business (a journal)
                }

                long found = BitConverter.ToInt64(small.Store.Content[(int)Small.At(page)..]);
                if (found < Volatile.Read(ref flushed[page]) || found > Volatile.Read(ref written[page]))
                {
                    slip ??= $"page {page} holds {found}, was {flushed[page]} at the last flush and is {written[page]}";
                }
            }
        };
        await Small.Run(() =>
        {
            var random = new Random(ModelOptions.SeedOr(12));
            for (int turn = 1; turn < 20_000; turn++)
            {
                int page = random.Next(Pages);
                Volatile.Write(ref written[page], turn);
                small.Memory.Write(Small.At(page), (long)turn);
                if (turn % 1000 == 0)
                {
                    small.Region.Flush();
                    written.CopyTo(flushed, 0);
                }
            }
        });
        Assert.Null(slip);
        Assert.True(looks > 100);
        small.AssertSound();
    }

    private static void Look(Small small, long[] found, List<string> slips)
    {
        Span<long> words = MemoryMarshal.Cast<byte, long>(small.Store.Content);
        for (int page = 0; page < Pages; page++)
        {
            Span<long> own = words.Slice(page * MemoryStore.Page / 8, MemoryStore.Page / 8);
            found[page] = own[0];
            if (own.ContainsAnyExcept(own[0]))
            {
                lock (slips)
                {
                    slips.Add($"page {page} is of two writes after a flush");
                }
            }
        }
    }
}
