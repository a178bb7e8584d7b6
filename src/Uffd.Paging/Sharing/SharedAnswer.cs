namespace Uffd.Paging;

/// <summary>What a shared image has of a page.</summary>
internal enum SharedStatus
{
    /// <summary>Its bytes are in the memfd.</summary>
    Ready,

    /// <summary>Zeros: nothing in the memfd, and nothing is needed.</summary>
    Zeros,

    /// <summary>Its content is lost.</summary>
    Poisoned,

    /// <summary>Somebody is bringing it.</summary>
    Busy,

    /// <summary>It could not be had now.</summary>
    Failed,
}

/// <summary>What a shared image has, from a page on.</summary>
/// <param name="Status">What.</param>
/// <param name="Pages">How many pages have that status; of <see cref="SharedStatus.Busy"/> 0 means that no more can be brought at once.</param>
/// <param name="Reason">Of a failure, one line.</param>
internal readonly record struct SharedAnswer(SharedStatus Status, int Pages, string? Reason = null);

/// <summary>A fault loop that is told when a page of a shared image has come, or has not.</summary>
/// <param name="Space">Whose.</param>
/// <param name="Key">The page as that address space knows it.</param>
internal readonly record struct SharedWaiter(AddressSpace Space, PageKey Key);

/// <summary>What a waiter is told.</summary>
/// <param name="Key">The page.</param>
/// <param name="Failure">One line that says why it could not be had, or null: look again.</param>
internal readonly record struct SharedNews(PageKey Key, string? Failure);
