namespace Uffd.Snapshots;

/// <summary>
/// The blocks of an image that is being written: where each is, and how many of its pages still count. A block none of whose pages counts gives its room and
/// its number back. Not for several threads at once.
/// </summary>
internal sealed class BlockTable
{
    private readonly List<Block> _blocks = [.. new Block[WrittenPage.FirstBlock]];
    private readonly Stack<int> _free = [];
    private readonly FileRoom _room = new(ImageHeader.Length);

    /// <summary>Where the file ends.</summary>
    public ulong End => _room.End;

    /// <summary>Bytes of room that was given back and not taken again.</summary>
    public ulong FreeBytes => _room.FreeBytes;

    /// <summary>Stored pages that do not count any more, in blocks that have others which do.</summary>
    public long SupersededPages { get; private set; }

    /// <summary>Stored pages, those too that do not count.</summary>
    public long WrittenPages { get; private set; }

    /// <summary>A number for a new block, of which no page counts yet.</summary>
    /// <exception cref="IOException">There are no more numbers.</exception>
    public int Open()
    {
        if (_free.TryPop(out int number))
        {
            _blocks[number] = default;
            return number;
        }

        if (_blocks.Count == WrittenPage.MaxBlocks)
        {
            throw new IOException($"an image cannot have more than {WrittenPage.MaxBlocks} blocks");
        }

        _blocks.Add(default);
        return _blocks.Count - 1;
    }

    /// <summary>One more page of a block counts.</summary>
    public void Count(int number) => _blocks[number] = _blocks[number] with { Live = (byte)(_blocks[number].Live + 1) };

    /// <summary>A page does not count any more, whatever it was.</summary>
    public void Release(WrittenPage page)
    {
        if (page.IsStored)
        {
            Block block = _blocks[page.Block];
            block = block with { Live = (byte)(block.Live - 1) };
            _blocks[page.Block] = block;
            if (block.IsWritten)
            {
                SupersededPages++;
                FreeIfDead(page.Block);
            }
        }
    }

    /// <summary>Room for a block's bytes.</summary>
    public ulong Place(int length) => _room.Take(length);

    /// <summary>A block's bytes are in the file.</summary>
    /// <param name="number">The block.</param>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many; 0 where nothing of it had to be stored.</param>
    /// <param name="isRaw">Whether they are not compressed.</param>
    /// <param name="pages">Pages of it.</param>
    public void Written(int number, ulong offset, int length, bool isRaw, int pages)
    {
        Block block = _blocks[number];
        _blocks[number] = new Block(offset, length, (byte)pages, block.Live, isRaw, IsWritten: true);
        WrittenPages += pages;
        SupersededPages += pages - block.Live;
        FreeIfDead(number);
    }

    /// <summary>The record of a page whose block is written.</summary>
    public PageRecord RecordOf(WrittenPage page)
    {
        Block block = _blocks[page.Block];
        return new PageRecord(block.Offset, block.Length, block.IsRaw, block.Pages, page.Slot, page.Checksum);
    }

    private void FreeIfDead(int number)
    {
        Block block = _blocks[number];
        if (block.Live > 0)
        {
            return;
        }

        if (block.Length > 0)
        {
            _room.Return(block.Offset, block.Length);
        }

        WrittenPages -= block.Pages;
        SupersededPages -= block.Pages;
        _blocks[number] = default;
        _free.Push(number);
    }

    private readonly record struct Block(ulong Offset, int Length, byte Pages, byte Live, bool IsRaw, bool IsWritten);
}
