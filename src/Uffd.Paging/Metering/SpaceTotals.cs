namespace Uffd.Paging;

/// <summary>
/// The counts of any number of address spaces together, of those that have ended too: what is summed up never goes back because
/// one ends. What is there now (resident and pending pages) is that of the living ones.
/// </summary>
internal sealed class SpaceTotals
{
    private readonly Lock _gate = new();
    private readonly HashSet<AddressSpace> _living = new(ReferenceEqualityComparer.Instance);
    private readonly SpaceCounters _ended = new();

    /// <summary>Those of all pagers of this process.</summary>
    public static SpaceTotals OfProcess { get; } = new();

    /// <summary>How many live.</summary>
    public int Living
    {
        get
        {
            lock (_gate)
            {
                return _living.Count;
            }
        }
    }

    /// <summary>An address space begins.</summary>
    public void Begin(AddressSpace space)
    {
        lock (_gate)
        {
            _living.Add(space);
        }
    }

    /// <summary>It has ended: what its threads may still count, held up in a source, is lost. To say it again changes nothing.</summary>
    public void End(AddressSpace space)
    {
        lock (_gate)
        {
            if (_living.Remove(space))
            {
                space.Counters.AddTo(_ended);
                _ended.ResidentBytes = 0;
            }
        }
    }

    /// <summary>The sums now.</summary>
    public AddressSpaceStatistics Sum()
    {
        var sum = new SpaceCounters();
        long pendingPages = 0;
        long totalPages = 0;
        long totalBytes = 0;
        lock (_gate)
        {
            _ended.AddTo(sum);
            foreach (AddressSpace space in _living)
            {
                space.Counters.AddTo(sum);
                pendingPages += Math.Max(0, space.PendingPages);
                totalPages += space.TotalPages;
                totalBytes += (long)space.TotalBytes;
            }
        }

        return sum.Snapshot(pendingPages, totalPages, totalBytes);
    }
}
