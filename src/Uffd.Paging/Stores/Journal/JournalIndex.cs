namespace Uffd.Paging;

/// <summary>
/// Which pages are in the journal, and which of its blocks are free. A page that is written again gets another block, and its old one is
/// free then: a write that fails in the middle spoils nothing. Blocks of a commit that is under way are not used again before its end.
/// </summary>
internal sealed class JournalIndex(ulong maxBytes)
{
    private readonly ulong _maxBlocks = Math.Min(maxBytes / JournalLayout.BlockBytes, uint.MaxValue);
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, JournalPlace> _places = [];
    private readonly Stack<uint> _free = new();
    private uint _end = JournalLayout.HeaderBlocks;
    private uint _pinnedEnd;

    /// <summary>How many pages are in it.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _places.Count;
            }
        }
    }

    /// <summary>The block behind all that are in use.</summary>
    public uint End
    {
        get
        {
            lock (_gate)
            {
                return _end;
            }
        }
    }

    /// <summary>Where a page is.</summary>
    /// <returns>False when the store has it.</returns>
    public bool TryFind(ulong page, out JournalPlace place)
    {
        lock (_gate)
        {
            return _places.TryGetValue(page, out place);
        }
    }

    /// <summary>From a page on, how many are in the journal, or are not.</summary>
    /// <param name="page">The first.</param>
    /// <param name="most">How many are of interest, at least 1.</param>
    /// <param name="inside">Which of both.</param>
    public ulong CountAlike(ulong page, ulong most, out bool inside)
    {
        lock (_gate)
        {
            inside = _places.ContainsKey(page);
            ulong count = _places.Count == 0 ? most : 1;
            while (count < most && _places.ContainsKey(page + count) == inside)
            {
                count++;
            }

            return count;
        }
    }

    /// <summary>Takes blocks for some pages.</summary>
    /// <returns>False when they would not fit, or the commit of all pages would not.</returns>
    public bool TryTake(Span<uint> blocks)
    {
        lock (_gate)
        {
            ulong fresh = (ulong)Math.Max(0, blocks.Length - _free.Count);
            if (_end + fresh + JournalLayout.RecordBlocks((ulong)_places.Count + (ulong)blocks.Length) > _maxBlocks)
            {
                return false;
            }

            foreach (ref uint block in blocks)
            {
                block = _free.TryPop(out uint free) ? free : _end++;
            }

            return true;
        }
    }

    /// <summary>
    /// Gives back blocks in which nothing is. Those at the end are the commit's room then, which a full disk may have given to nobody else.
    /// </summary>
    public void GiveBack(ReadOnlySpan<uint> blocks)
    {
        lock (_gate)
        {
            while (blocks.Length > 0 && blocks[^1] == _end - 1)
            {
                _end--;
                blocks = blocks[..^1];
            }

            foreach (uint block in blocks)
            {
                _free.Push(block);
            }
        }
    }

    /// <summary>A page is where it was written now.</summary>
    public void Set(ulong page, JournalPlace place)
    {
        lock (_gate)
        {
            if (_places.TryGetValue(page, out JournalPlace old) && old.Block >= _pinnedEnd)
            {
                _free.Push(old.Block);
            }

            _places[page] = place;
        }
    }

    /// <summary>All pages, in order.</summary>
    public JournalEntry[] ToEntries()
    {
        lock (_gate)
        {
            JournalEntry[] entries = [.. _places.Select(page => new JournalEntry(page.Key, page.Value))];
            Array.Sort(entries, (left, right) => left.Page.CompareTo(right.Page));
            return entries;
        }
    }

    /// <summary>A commit of all pages has been written behind them: until it is done with, none of its blocks is free.</summary>
    /// <param name="record">Its record, which lies where <see cref="End"/> was.</param>
    public void Pin(JournalRecordPlace record)
    {
        lock (_gate)
        {
            _end = checked((uint)(record.Block + JournalLayout.RecordBlocks(record.Pages)));
            _pinnedEnd = _end;
        }
    }

    /// <summary>A commit is done with: the store has its pages, but for those that were written again since.</summary>
    public void Remove(ReadOnlySpan<JournalEntry> entries)
    {
        lock (_gate)
        {
            foreach (JournalEntry entry in entries)
            {
                if (_places.TryGetValue(entry.Page, out JournalPlace place) && place == entry.Place)
                {
                    _places.Remove(entry.Page);
                }
            }

            _pinnedEnd = 0;
            if (_places.Count == 0)
            {
                // Blocks that were freed on the way are counted anew from here.
                _end = JournalLayout.HeaderBlocks;
                _free.Clear();
            }
        }
    }
}
