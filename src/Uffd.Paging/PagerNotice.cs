namespace Uffd.Paging;

/// <summary>What a pager has to tell about an address space while it serves it.</summary>
public enum PagerNoticeKind
{
    /// <summary>A source failed; the page is tried again.</summary>
    SourceFailed,

    /// <summary>A page was poisoned.</summary>
    PagePoisoned,

    /// <summary>The process was killed, by the failure policy.</summary>
    TargetKilled,

    /// <summary>A fault can be neither served nor refused: its thread waits, and loses nothing.</summary>
    FaultFrozen,

    /// <summary>A fault hit registered memory that belongs to no region.</summary>
    OutsideRegions,

    /// <summary>The process forked; the child is served as an address space of its own.</summary>
    Forked,

    /// <summary>Events could not be read for a moment.</summary>
    ReadFailed,

    /// <summary>A thread could not be bound to the CPUs that were asked for, and runs anywhere.</summary>
    NotPlaced,
}

/// <summary>One thing to tell.</summary>
/// <param name="Space">The address space.</param>
/// <param name="Kind">What.</param>
/// <param name="Message">One line for people.</param>
public sealed record PagerNotice(AddressSpace Space, PagerNoticeKind Kind, string Message);

/// <summary>Why an address space is served no longer.</summary>
public enum AddressSpaceEnd
{
    /// <summary>Its process has ended, or has replaced its memory.</summary>
    TargetExited,

    /// <summary>The pager was asked to stop; what was missing was settled by the failure policy.</summary>
    Stopped,

    /// <summary>The pager itself failed; what was missing was settled by the failure policy.</summary>
    Failed,
}
