using Uffd.Abi;

namespace Uffd;

/// <summary>What the kernel is told about memory (madvise(2)).</summary>
public enum MemoryAdvice
{
    /// <summary>No particular treatment.</summary>
    Normal = MemoryAbi.MADV_NORMAL,

    /// <summary>Touched in no order: no read-ahead.</summary>
    Random = MemoryAbi.MADV_RANDOM,

    /// <summary>Touched in order: more read-ahead.</summary>
    Sequential = MemoryAbi.MADV_SEQUENTIAL,

    /// <summary>Soon needed.</summary>
    WillNeed = MemoryAbi.MADV_WILLNEED,

    /// <summary>Discard: private anonymous memory is missing afterwards, and has lost its write-protection.</summary>
    DontNeed = MemoryAbi.MADV_DONTNEED,

    /// <summary>May be discarded when memory is short.</summary>
    Free = MemoryAbi.MADV_FREE,

    /// <summary>Discard from the shared object too: punches a hole.</summary>
    Remove = MemoryAbi.MADV_REMOVE,

    /// <summary>Not inherited by fork(): keeps pages exclusive, which <see cref="Userfaultfd.Move"/> needs.</summary>
    DontFork = MemoryAbi.MADV_DONTFORK,

    /// <summary>Inherited by fork() again.</summary>
    DoFork = MemoryAbi.MADV_DOFORK,

    /// <summary>KSM may merge equal pages.</summary>
    Mergeable = MemoryAbi.MADV_MERGEABLE,

    /// <summary>KSM may not.</summary>
    Unmergeable = MemoryAbi.MADV_UNMERGEABLE,

    /// <summary>Transparent huge pages wanted.</summary>
    HugePage = MemoryAbi.MADV_HUGEPAGE,

    /// <summary>Transparent huge pages not wanted.</summary>
    NoHugePage = MemoryAbi.MADV_NOHUGEPAGE,

    /// <summary>Not in core dumps.</summary>
    DontDump = MemoryAbi.MADV_DONTDUMP,

    /// <summary>In core dumps again.</summary>
    DoDump = MemoryAbi.MADV_DODUMP,

    /// <summary>Not needed soon.</summary>
    Cold = MemoryAbi.MADV_COLD,

    /// <summary>Swap out now.</summary>
    PageOut = MemoryAbi.MADV_PAGEOUT,

    /// <summary>Make every page readable now, waiting for a pager where needed (5.14).</summary>
    PopulateRead = MemoryAbi.MADV_POPULATE_READ,

    /// <summary>Make every page writable now, waiting for a pager where needed (5.14).</summary>
    PopulateWrite = MemoryAbi.MADV_POPULATE_WRITE,

    /// <summary>Join to huge pages now (6.1).</summary>
    Collapse = MemoryAbi.MADV_COLLAPSE,
}
