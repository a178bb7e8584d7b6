namespace Uffd.OwnMemory.Hang;

/// <summary>
/// What lies where in the memory of a run: a part that all read and nobody writes, blocks of which each belongs to one worker, in turn
/// so that neighbours are different workers' pages, and an odd end. So everything that is read is known to the byte.
/// </summary>
internal static class Layout
{
    /// <summary>Bytes that nobody writes, from 0 on.</summary>
    public const int SharedBytes = 4 << 20;

    /// <summary>Of those, bytes that are read often, so that hits happen too.</summary>
    public const int HotBytes = 64 << 10;

    /// <summary>Bytes of a block: more than the region touches in one step.</summary>
    public const int BlockBytes = 96 << 10;

    /// <summary>How many blocks.</summary>
    public const int Blocks = 64;

    /// <summary>Bytes behind the last block, which nobody writes; not a whole page.</summary>
    public const int EndBytes = 1000;

    /// <summary>All of them.</summary>
    public const int Length = SharedBytes + (Blocks * BlockBytes) + EndBytes;

    /// <summary>The most bytes that one access takes.</summary>
    public const int MaxBytes = BlockBytes;

    /// <summary>Bytes that may be in memory: a tenth.</summary>
    public const ulong Limit = 1 << 20;
}
