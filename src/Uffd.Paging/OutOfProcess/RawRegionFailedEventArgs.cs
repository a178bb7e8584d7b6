namespace Uffd.Paging;

/// <summary>What has gone wrong with a <see cref="RawPagedRegion"/>.</summary>
public enum RawRegionTrouble
{
    /// <summary>A page could not be had: it is poisoned, and who touches it gets SIGBUS.</summary>
    PageLost,

    /// <summary>What was written cannot be saved at the moment. It is kept, and saving is tried again.</summary>
    Unsaved,

    /// <summary>The pager process would leave this one without a word if it died now: its guardian has, and no other could be started yet.</summary>
    Unguarded,

    /// <summary>The pager process has gone. What it had not saved is in this process's memory only, and nothing is saved any more.</summary>
    PagerGone,
}

/// <summary>What has gone wrong with a <see cref="RawPagedRegion"/>.</summary>
/// <param name="trouble">The kind.</param>
/// <param name="message">One line that says it.</param>
public sealed class RawRegionFailedEventArgs(RawRegionTrouble trouble, string message) : EventArgs
{
    /// <summary>The kind.</summary>
    public RawRegionTrouble Trouble { get; } = trouble;

    /// <summary>One line that says it.</summary>
    public string Message { get; } = message;
}
