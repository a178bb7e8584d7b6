namespace Uffd.Paging;

/// <summary>How a page is kept.</summary>
internal enum PageKind
{
    /// <summary>All zeros: nothing is kept.</summary>
    Zero,

    /// <summary>Four bytes, again and again: they are in the entry itself.</summary>
    Pattern,

    /// <summary>A blob.</summary>
    Compressed,

    /// <summary>As it is.</summary>
    Plain,
}

/// <summary>
/// What is known of a page, in 64 bits. Bit 0: somebody is at it (<see cref="EntryLock"/>). Bits 1 and 2: the kind. Then either the
/// pattern in bits 32 to 63, or the blob's length less 1 in bits 3 to 14, its slot in bits 15 to 24 and its chunk in bits 25 to 56.
/// A page that nobody has written is 0, which is a page of zeros.
/// </summary>
/// <param name="Value">The bits.</param>
internal readonly record struct PageEntry(ulong Value)
{
    /// <summary>
    /// The bytes of a page here, whatever the system's own size of pages is: that is a multiple of it.
    /// </summary>
    public const int PageBytes = 4096;

    private const ulong LockBit = 1;

    /// <summary>The kind.</summary>
    public PageKind Kind => (PageKind)((Value >> 1) & 3);

    /// <summary>Whether it has a blob.</summary>
    public bool HasPlace => Kind >= PageKind.Compressed;

    /// <summary>The four bytes that the page is full of.</summary>
    public uint Filler => (uint)(Value >> 32);

    /// <summary>The blob's length in bytes.</summary>
    public int BlobBytes => (int)((Value >> 3) & 0xfff) + 1;

    /// <summary>Where the blob is.</summary>
    public SlabPlace Place => new((uint)((Value >> 25) & 0xffff_ffff), (int)((Value >> 15) & 0x3ff));

    /// <summary>Whether somebody is at it.</summary>
    public bool IsLocked => (Value & LockBit) != 0;

    /// <summary>The same with somebody at it.</summary>
    public PageEntry Locked => new(Value | LockBit);

    /// <summary>The same with nobody at it.</summary>
    public PageEntry Unlocked => new(Value & ~LockBit);

    /// <summary>A page that is full of four bytes.</summary>
    public static PageEntry OfFiller(uint filler) => filler == 0 ? default : new(((ulong)filler << 32) | ((ulong)PageKind.Pattern << 1));

    /// <summary>A page that has a blob.</summary>
    public static PageEntry OfBlob(PageKind kind, int bytes, SlabPlace place)
        => new(((ulong)place.Chunk << 25) | ((ulong)place.Slot << 15) | ((ulong)(bytes - 1) << 3) | ((ulong)kind << 1));
}
