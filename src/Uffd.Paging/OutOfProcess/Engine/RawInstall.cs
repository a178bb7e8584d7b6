using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// Reads claimed pages from the store and puts them into the client's memory. A page comes whole or not at all, and write-protected, so
/// that its first write is told; what a write waits for is made writable, and dirty, in the same step.
/// </summary>
internal sealed class RawInstall(RawRegion region)
{
    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(5);

    /// <returns>
    /// False when the page that was wanted is not there: it is still claimed. All others are settled either way.
    /// </returns>
    public bool TryRun(RawFill fill, FetchBuffer buffer, [NotNullWhen(false)] out Exception? failure)
    {
        RawFill loaded = fill;
        try
        {
            loaded = Load(fill, buffer, out ulong address);
            Release(fill.First, loaded.First - fill.First);
            Release(loaded.End, fill.End - loaded.End);
            Put(fill.Wanted, 1, Of(fill.Wanted), fill.IsWrite, isWanted: true);
            Put(loaded.First, loaded.Wanted - loaded.First, address, isWrite: false, isWanted: false);
            Put(loaded.Wanted + 1, loaded.End - loaded.Wanted - 1, Of(loaded.Wanted + 1), isWrite: false, isWanted: false);
            failure = null;
            return true;

            ulong Of(long page) => address + ((ulong)(page - loaded.First) * RawMemory.PageSize);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException) // a store may be anyone's code
        {
            Release(loaded.First, loaded.Wanted - loaded.First);
            Release(loaded.Wanted + 1, loaded.End - loaded.Wanted - 1);
            failure = exception;
            return false;
        }
    }

    /// <summary>Gives a claimed page up: who touches it gets SIGBUS.</summary>
    public void Lose(long page)
    {
        bool poisoned = region.Memory.Poison(page);
        lock (region.Pages.Gate)
        {
            region.Pages[page] = poisoned ? RawPageState.Poisoned : RawPageState.Missing;
            region.Pages.Release(1);
        }

        region.Memory.Wake(page, 1);
        RawCounters.Add(ref region.Counters.PoisonedPages, poisoned ? 1 : 0);
    }

    /// <summary>Finds out where the bytes are, or reads them.</summary>
    /// <returns>What was found: the page that is wanted, and what is alike beside it.</returns>
    private RawFill Load(RawFill fill, FetchBuffer buffer, out ulong address)
    {
        SourceRun run = RunOf(fill, out ulong offset, out ulong inStore);
        if (run.Length < inStore)
        {
            int alike = (int)(run.Length / RawMemory.PageSize);
            fill = fill.Wanted < fill.First + alike ? fill with { Count = alike } : fill with { First = fill.Wanted, Count = 1 };
            run = RunOf(fill, out offset, out inStore);
        }

        if (HasLost(offset, inStore, run))
        {
            throw new RawPageLostException();
        }

        ulong length = (ulong)fill.Count * RawMemory.PageSize;
        if (run.Length >= inStore && run.Kind is SourceRunKind.Zero or SourceRunKind.Hole)
        {
            address = ZeroBuffer.AddressFor(length);
        }
        else if (length > inStore || fill.Attempts > 0 || region.Store.GetDirect(offset, length, out address) == DirectAccess.None)
        {
            region.Store.Read(offset, buffer.GetSpan()[..(int)length]);
            address = buffer.Address;
        }

        return fill;
    }

    /// <summary>What the store knows of pages; the last may reach beyond its end.</summary>
    private SourceRun RunOf(RawFill fill, out ulong offset, out ulong inStore)
    {
        offset = (ulong)fill.First * RawMemory.PageSize;
        inStore = Math.Min((ulong)fill.Count * RawMemory.PageSize, region.Store.Length - offset);
        return region.Store.GetRun(offset, inStore);
    }

    /// <summary>Whether the run, or a page of which it is a part, has bytes that are known to be lost.</summary>
    private bool HasLost(ulong offset, ulong length, SourceRun run)
    {
        for (ulong done = 0; done < length; run = region.Store.GetRun(offset + done, length - done))
        {
            if (run.Kind == SourceRunKind.Poisoned)
            {
                return true;
            }

            done += Math.Max(1, run.Length);
            if (done >= length)
            {
                break;
            }
        }

        return false;
    }

    /// <summary>Puts pages into the client's memory. What cannot be put there and is not wanted is left for who touches it.</summary>
    private void Put(long first, long count, ulong address, bool isWrite, bool isWanted)
    {
        // Also what a write waits for comes protected: between its arrival and our knowing of it a flush would miss the write. The writer
        // is not woken before.
        UffdCopyModes modes = isWrite ? UffdCopyModes.WriteProtect | UffdCopyModes.DontWake : UffdCopyModes.WriteProtect;
        long step = count;
        long idleSince = Stopwatch.GetTimestamp();
        for (long done = 0; done < count;)
        {
            UffdResult result = region.Memory.Userfaultfd.Copy(
                region.Memory.Of(first + done, Math.Min(step, count - done)), address + ((ulong)done * RawMemory.PageSize), modes);
            long put = (long)(result.Bytes / RawMemory.PageSize);
            if (put > 0)
            {
                Settle(first + done, put, isWrite ? RawPageState.Dirty : RawPageState.Clean);
                done += put;
                idleSince = Stopwatch.GetTimestamp();
                continue;
            }

            switch (result.Errno)
            {
                case Errno.EAGAIN or Errno.EINTR when Stopwatch.GetElapsedTime(idleSince) < BusyTimeout:
                    Thread.Yield();
                    break;
                case Errno.EEXIST:
                    Adopt(first + done);
                    done++;
                    break;
                case Errno.ENOENT when step > 1:
                    step = 1; // the client has cut its mapping into several, or taken part of it away: page by page
                    break;
                case Errno.ENOENT or Errno.ESRCH:
                    Release(first + done, 1); // not mapped any more, or nobody is left to map it
                    done++;
                    break;
                default:
                    if (isWanted)
                    {
                        throw new UffdException($"a page cannot be put into the client's memory at {region.Memory.Of(first + done, 1)}", result.Errno);
                    }

                    Release(first + done, count - done);
                    return;
            }
        }
    }

    private void Settle(long first, long count, RawPageState state)
    {
        RawCounters.Add(ref region.Counters.FilledPages, count);
        lock (region.Pages.Gate)
        {
            for (long page = first; page < first + count; page++)
            {
                bool wanted = region.Pages[page] == RawPageState.FillingWanted;
                region.Pages[page] = state;
                RawCounters.Add(ref region.Counters.ReturnedPages, region.Queues.Add(page) ? 1 : 0);
                if (state == RawPageState.Dirty)
                {
                    region.Memory.Unprotect(page, 1); // and wakes
                }
                else if (wanted)
                {
                    region.Memory.Wake(page, 1); // a write that met the page before we knew it to be there
                }
            }
        }
    }

    /// <summary>A page is there that we did not put there. It is kept: dirty, for all we know.</summary>
    private void Adopt(long page)
    {
        lock (region.Pages.Gate)
        {
            region.Pages[page] = RawPageState.Dirty;
            region.Queues.Add(page);
            region.Memory.Unprotect(page, 1);
        }
    }

    /// <summary>Takes claims back. Who waits there is woken, and faults again or is told by the kernel that the memory has gone.</summary>
    private void Release(long first, long count)
    {
        if (count <= 0)
        {
            return;
        }

        lock (region.Pages.Gate)
        {
            for (long page = first; page < first + count; page++)
            {
                region.Pages[page] = RawPageState.Missing;
            }

            region.Pages.Release(count);
        }

        region.Memory.Wake(first, count);
    }
}
