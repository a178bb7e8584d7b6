namespace Uffd.Paging;

/// <summary>A queue of page numbers, 4 bytes each, that grows and shrinks with what is in it.</summary>
internal sealed class PageRing
{
    private const int MinCapacity = 64;
    private uint[] _pages = new uint[MinCapacity];
    private long _head;
    private long _tail;

    public int Count => (int)(_tail - _head);

    /// <summary>The place of the oldest; places count up for ever.</summary>
    public long Head => _head;

    /// <summary>The place behind the newest.</summary>
    public long Tail => _tail;

    /// <summary>The page at a place between the two.</summary>
    public uint this[long place] => _pages[place & (_pages.Length - 1)];

    public void Enqueue(uint page)
    {
        if (Count == _pages.Length)
        {
            Resize(_pages.Length * 2);
        }

        _pages[_tail & (_pages.Length - 1)] = page;
        _tail++;
    }

    public uint Dequeue()
    {
        System.Diagnostics.Debug.Assert(Count > 0);
        uint page = _pages[_head & (_pages.Length - 1)];
        _head++;
        if (_pages.Length > MinCapacity && Count < _pages.Length / 4)
        {
            Resize(_pages.Length / 2);
        }

        return page;
    }

    private void Resize(int capacity)
    {
        uint[] pages = new uint[capacity];
        for (long place = _head; place < _tail; place++)
        {
            pages[place & (capacity - 1)] = this[place];
        }

        _pages = pages;
    }
}
