using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>How a <see cref="Pager"/> works.</summary>
public sealed record PagerOptions
{
    /// <summary>
    /// Told what is worth telling: failures, poisoned pages, forks. Called on the pager's threads, so it must be quick and not
    /// throw. Default: nobody.
    /// </summary>
    public Action<PagerNotice>? Notice { get; init; }

    /// <summary>
    /// Told of each address space that a fork made. Called before it is served, on the parent's thread; it may dispose the
    /// child, whose missing pages are settled then. Default: nobody.
    /// </summary>
    public Action<AddressSpace>? Forked { get; init; }
}

/// <summary>
/// Serves the page faults of any number of address spaces, each a userfaultfd with its regions, from page sources. Follows
/// what the processes do to their memory: discarded pages are zeros and never the source's bytes again; unmapped and moved ranges
/// and forked children are followed.
/// </summary>
/// <remarks>
/// Memory that managed threads of this same process touch must not be served by a pager of this process: at the first garbage
/// collection both would wait for each other for ever (docs/kernel.md).
/// </remarks>
public sealed class Pager : IDisposable
{
    /// <summary>The meter that all pagers of a process count in (docs/metrics.md), for a listener or an exporter.</summary>
    public const string MeterName = PagingMeter.Name;

    private readonly PagerOptions _options;
    private readonly ConcurrentDictionary<int, AddressSpace> _spaces = new();
    private readonly Lock _attaching = new();
    private readonly SpaceTotals _totals = new();
    private int _lastId;
    private bool _disposed;

    /// <summary>Creates a pager that serves nothing yet.</summary>
    /// <param name="options">How; null for the defaults.</param>
    public Pager(PagerOptions? options = null)
    {
        _options = options ?? new PagerOptions();
        PagingMeter.Ensure();
    }

    /// <summary>What is being served.</summary>
    public IReadOnlyCollection<AddressSpace> AddressSpaces => [.. _spaces.Values];

    /// <summary>
    /// The counts of all address spaces together, of those that have ended too. What is there now (pending, total and resident) is that
    /// of the ones that are served.
    /// </summary>
    public AddressSpaceStatistics GetStatistics() => _totals.Sum();

    /// <summary>Serves an address space from now on.</summary>
    /// <param name="userfaultfd">Non-blocking, after its handshake, its ranges registered. Owned by the pager from now on.</param>
    /// <param name="regions">The registered ranges and their content. They must not overlap.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="ArgumentException">
    /// A region is misaligned, overlaps another, or lies beyond its source, or a CPU cannot be used: says which.
    /// </exception>
    public AddressSpace Attach(Userfaultfd userfaultfd, IReadOnlyList<AddressSpaceRegion> regions, AddressSpaceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(userfaultfd);
        ArgumentNullException.ThrowIfNull(regions);
        options ??= new AddressSpaceOptions();
        if (AddressSpaceRegion.Validate(regions) is { } fault)
        {
            throw new ArgumentException(fault, nameof(regions));
        }

        if (options is { FailurePolicy: FaultFailurePolicy.Terminate, TargetProcess: null })
        {
            throw new ArgumentException("to terminate a process on failure, it must be known: set TargetProcess", nameof(options));
        }

        if (options.Cpus is { } cpus && (cpus.Count == 0 || CpuList.FindUnusable(cpus).Count > 0))
        {
            throw new ArgumentException(
                cpus.Count == 0 ? "the list of CPUs is empty" : $"the CPUs {CpuList.Format(CpuList.FindUnusable(cpus))} do not exist or may not be used by this process",
                nameof(options));
        }

        return Start(userfaultfd, RegionTable.Create(regions), options, parent: null);
    }

    /// <summary>
    /// Brings everything that is missing, in every address space, as fast as the sources allow: what to do before stopping, so that
    /// no page need be poisoned.
    /// </summary>
    /// <param name="timeout">How long to try.</param>
    /// <returns>Whether every address space is resident or gone.</returns>
    public async Task<bool> CompleteAsync(TimeSpan timeout)
    {
        using var deadline = new CancellationTokenSource(timeout);
        try
        {
            // Again until all is there: a process may fork meanwhile.
            while (_spaces.Values.Where(space => !space.Resident.IsCompleted && !space.Ended.IsCompleted).ToArray() is { Length: > 0 } waiting)
            {
                Array.ForEach(waiting, space => space.StartBackgroundFill());
                await Task.WhenAll(waiting.Select(space => Task.WhenAny(space.Resident, space.Ended))).WaitAsync(deadline.Token).ConfigureAwait(false);
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>
    /// Stops serving. In every address space what is missing is settled by its failure policy first; see
    /// <see cref="AddressSpace.Dispose"/>. To bring it instead, call <see cref="CompleteAsync"/> before.
    /// </summary>
    public void Dispose()
    {
        lock (_attaching)
        {
            _disposed = true;
        }

        // A space that is settling may still announce a forked child: go on until none is left. All are asked first, so that
        // many sources that block take no longer than one.
        while (!_spaces.IsEmpty)
        {
            foreach (AddressSpace space in _spaces.Values)
            {
                space.RequestStop();
            }

            foreach (AddressSpace space in _spaces.Values)
            {
                space.Dispose();
                _spaces.TryRemove(space.Id, out _);
            }
        }
    }

    internal void Forget(AddressSpace space)
    {
        _spaces.TryRemove(space.Id, out _);
        _totals.End(space);
        SpaceTotals.OfProcess.End(space);
    }

    /// <summary>
    /// Serves a forked child as its parent: called by the parent's fault loop while it holds the gate, so that the states are those
    /// of the moment of the fork.
    /// </summary>
    internal void Follow(AddressSpace parent, Userfaultfd child)
    {
        AddressSpaceOptions options = parent.Options with
        {
            TargetProcess = null,
            FailurePolicy = FaultFailurePolicy.Poison, // the child's process is not known, so it cannot be killed
            Name = $"{parent.Options.Name} (forked)",
        };
        try
        {
            AddressSpace space = Start(child, parent.Table.Fork(), options, parent);
            parent.Notify(PagerNoticeKind.Forked, $"the process forked; its child is served as address space {space.Id}");
        }
        catch (Exception exception)
        {
            // No descriptor, thread or memory left for it. Its userfaultfd must not be closed for that.
            AddressSpace.Freeze(child);
            parent.Notify(
                PagerNoticeKind.FaultFrozen,
                $"the process forked and its child cannot be served: {exception.Message}; its threads wait on missing pages until this process ends");
        }
    }

    private AddressSpace Start(Userfaultfd userfaultfd, RegionTable table, AddressSpaceOptions options, AddressSpace? parent)
    {
        lock (_attaching)
        {
            // A child is followed even while the pager stops: closing its descriptor would turn its memory into zeros.
            ObjectDisposedException.ThrowIf(_disposed && parent is null, this);
            var space = new AddressSpace(this, ++_lastId, userfaultfd, table, options, _options.Notice, parent);
            _spaces[space.Id] = space;
            _totals.Begin(space);
            SpaceTotals.OfProcess.Begin(space);
            if (parent is not null)
            {
                AnnounceFork(space);
            }

            if (_disposed)
            {
                space.RequestStop(); // the parent ends after Dispose has come back: nobody else would ask the child
            }

            try
            {
                space.Start();
            }
            catch
            {
                Forget(space);
                throw;
            }

            return space;
        }
    }

    private void AnnounceFork(AddressSpace child)
    {
        try
        {
            _options.Forked?.Invoke(child);
        }
        catch (Exception)
        {
            // As of a notice: a listener's failure must not become the child's, whose pages nobody would bring.
        }
    }
}
