namespace Uffd.Paging;

/// <summary>What the pager process knows of a page. "Wanted" is a claim whose end must wake who waits, so that the fault comes again.</summary>
internal enum RawPageState : byte
{
    /// <summary>In the store only. Zero, so that an untouched map costs no memory.</summary>
    Missing = 0,

    /// <summary>A fault waits for room.</summary>
    Parked,

    /// <summary>Claimed: it is being read from the store.</summary>
    Filling,

    /// <summary>As <see cref="Filling"/>, and another fault waits.</summary>
    FillingWanted,

    /// <summary>In memory, write-protected, as in the store.</summary>
    Clean,

    /// <summary>In memory and not as in the store: writable, or to be made so by the next fault.</summary>
    Dirty,

    /// <summary>Write-protected and being written to the store.</summary>
    Writing,

    /// <summary>Made writable again while it was being written: it stays dirty.</summary>
    Rewritten,

    /// <summary>Claimed: it was clean and its memory is being given back. It stays write-protected until that is done.</summary>
    Evicting,

    /// <summary>As <see cref="Evicting"/>, and a fault waits.</summary>
    EvictingWanted,

    /// <summary>Its content cannot be had: who touches it gets SIGBUS.</summary>
    Poisoned,
}
