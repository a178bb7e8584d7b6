namespace Uffd.Paging;

/// <content>Reading, and what the process did to its memory.</content>
internal sealed partial class FaultLoop
{
    /// <summary>
    /// Reads until nothing is left. Events are applied at once, faults are kept for afterwards. The gate is held from before the
    /// read: it is the read that lets the process go on with its discard, and from then on no fill may be based on what was before.
    /// </summary>
    private void Drain() => Drain(_reader, _faults);

    /// <summary>
    /// As Drain, for whoever settles the space: follows what the process does meanwhile. The faults are let go, for they are
    /// settled with their pages, or woken by the close.
    /// </summary>
    public void DrainEvents(UffdEventReader reader) => Drain(reader, faults: null);

    private void Drain(UffdEventReader reader, List<PageFault>? faults)
    {
        if (_space.Gate is null)
        {
            DrainCore(reader, faults);
            return;
        }

        using (_space.Gate.EnterToRead())
        {
            DrainCore(reader, faults);
        }
    }

    private void DrainCore(UffdEventReader reader, List<PageFault>? faults)
    {
        do
        {
            try
            {
                reader.Read();
            }
            catch (UffdException exception) when (exception.Errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM)
            {
                // A child's descriptor does not fit. The event stays queued and its process waits; so do we, and say it.
                if (faults is not null)
                {
                    PauseReading(exception.Message);
                }

                return;
            }

            if (faults is not null)
            {
                _readFailed = false;
            }

            for (int index = 0; index < reader.Count; index++)
            {
                UffdEvent message = reader[index];
                if (message.Kind == UffdEventKind.PageFault)
                {
                    faults?.Add(message.PageFault);
                }
                else
                {
                    Apply(message);
                }
            }
        }
        while (reader.Count == reader.Capacity);
    }

    private void Apply(in UffdEvent message)
    {
        SpaceCounters.Add(ref _space.Counters.Events);
        _parked.MakeDue(); // what answered EAGAIN because of this event may succeed now
        switch (message.Kind)
        {
            case UffdEventKind.Remove:
                ApplyRemove(message.Range);
                break;
            case UffdEventKind.Unmap:
                SettleUnmapped(message.Range);
                _space.ReplaceTable(_space.Table.Without(message.Range));
                _userfaultfd.Wake(message.Range); // who waits there must fault again, and be told by the kernel
                break;
            case UffdEventKind.Remap:
                SettleUnmapped(new AddressRange(message.RemappedTo, message.RemappedFrom.Length));
                _space.ReplaceTable(_space.Table.Moved(message.RemappedFrom, message.RemappedTo));
                _userfaultfd.Wake(message.RemappedFrom);
                break;
            case UffdEventKind.Fork:
                _space.Pager.Follow(_space, message.Forked);
                break;
            default:
                break; // a kind that this kernel has and we do not know: we did not ask for it
        }
    }

    /// <summary>Announced before the pages go: from here on they are zeros.</summary>
    private void ApplyRemove(AddressRange range)
    {
        foreach (RegionSlice slice in _space.Table.Overlapping(range))
        {
            AddressRange part = RegionTable.WholePages(slice, slice.Range.Intersect(range));
            if (part.IsEmpty)
            {
                continue;
            }

            long first = slice.PageOf(part.Start);
            long end = first + (long)(part.Length >> slice.PageShift);
            if (slice.Shared is not null)
            {
                RemoveShared(slice, first, end);
                continue;
            }

            slice.Map.ExchangeAll(first, end, PageState.Removed, (page, count, before) =>
            {
                SettleRun(slice, count, before);
                for (long index = 0; index < count && before == PageState.FillingWanted; index++)
                {
                    // Its fill will find the claim gone and drop the bytes; the fault that waits for it is ours again.
                    _space.Inbox.Enqueue(new PageKey(slice.Map, page + index));
                }

                if (before != PageState.Removed)
                {
                    SpaceCounters.Add(ref _space.Counters.RemovedPages, count);
                }
            });
        }
    }

    /// <summary>Pages that are no longer there are no longer to come.</summary>
    private void SettleUnmapped(AddressRange range)
    {
        foreach (RegionSlice slice in _space.Table.Overlapping(range))
        {
            AddressRange part = RegionTable.WholePages(slice, slice.Range.Intersect(range));
            if (!part.IsEmpty)
            {
                long first = slice.PageOf(part.Start);
                slice.Map.ExchangeAll(first, first + (long)(part.Length >> slice.PageShift), PageState.Removed, (_, count, before) => SettleRun(slice, count, before));
            }
        }
    }

    private void SettleRun(RegionSlice slice, long count, PageState before)
    {
        if (before.IsUnsettled())
        {
            _space.Settled(count);
        }
        else if (before == PageState.Present)
        {
            SpaceCounters.Add(ref _space.Counters.ResidentBytes, -(count << slice.PageShift));
        }
    }
}
