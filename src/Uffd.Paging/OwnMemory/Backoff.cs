namespace Uffd.Paging;

/// <summary>How often a call of the store is made again, and after which pause: twice as long each time, up to a second.</summary>
internal struct Backoff(int retries, TimeSpan firstPause)
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    private int _tries;

    /// <summary>The pause before the next try.</summary>
    public TimeSpan Pause { get; private set; } = firstPause;

    /// <summary>Whether to try again after a failure. No: the failure is the caller's.</summary>
    public bool TriesAgain()
    {
        if (_tries > 0)
        {
            Pause = Pause < MaxPause ? Pause * 2 : MaxPause;
        }

        return _tries++ < retries;
    }
}
