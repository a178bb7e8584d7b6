using System.Collections.Concurrent;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// A region lands in memory of this process: for a program that hosts native code whose memory it is, a virtual machine for one. Once it has switched, pages that are missing
/// come when they are touched, and behind that all others; when nothing is missing any more the memory is the kernel's alone, as if it had always been here.
/// </summary>
/// <remarks>
/// Managed code must not touch the memory from the switch until <see cref="Completed"/>: at the first garbage collection it and the pager would wait for each other for ever
/// (docs/kernel.md). Where this process may not have userfaultfds for the kernel's faults, a system call that is given missing memory fails with EFAULT. Children that are forked
/// meanwhile are served as well where this process may follow forks (CAP_SYS_PTRACE); elsewhere they do not get the memory.
/// </remarks>
public sealed class MemoryLanding : IMigrationLanding
{
    private const UffdFeatures Needed = UffdFeatures.Poison | UffdFeatures.EventRemove | UffdFeatures.EventUnmap | UffdFeatures.EventRemap;

    /// <summary>Memory of which a workload may run, for whoever disposes the landing: without this a finalizer would unmap it.</summary>
    private static readonly ConcurrentBag<MemoryMapping> Kept = [];

    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _changing = new();
    private readonly MemoryLandingOptions _options;
    private readonly LandingMemory _landing;
    private readonly Userfaultfd _serving;
    private readonly Pager _pager;
    private readonly bool _ownsMemory;
    private bool _disposed;

    /// <summary>Lands in memory that is there. What is in it is discarded.</summary>
    /// <param name="memory">
    /// Private anonymous memory, or a shared mapping of a memfd, of pages of the system's own size. Not owned: it must stay mapped for as long as the workload runs, or until this
    /// is disposed before the switch.
    /// </param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="ArgumentException">It is memory of another kind.</exception>
    /// <exception cref="UffdException">The kernel or this process's privileges lack something: says what.</exception>
    public MemoryLanding(MemoryMapping memory, MemoryLandingOptions? options = null)
        : this(memory, options, ownsMemory: false)
        => LandingRehearsal.RunOnce();

    private MemoryLanding(MemoryMapping memory, MemoryLandingOptions? options, bool ownsMemory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _options = options ?? new MemoryLandingOptions();
        Memory = memory;
        _ownsMemory = ownsMemory;
        _serving = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = Needed, OptionalFeatures = UffdFeatures.EventFork | UffdFeatures.ThreadId });
        try
        {
            _landing = new LandingMemory(memory);
        }
        catch
        {
            _serving.Dispose();
            throw;
        }

        _pager = new Pager(new PagerOptions { Notice = _options.Notice });
    }

    /// <summary>The memory. Of one that <see cref="Create"/> mapped: the workload's from the switch on, and it stays mapped until this is disposed by who owns the workload.</summary>
    public MemoryMapping Memory { get; }

    /// <summary>Where it is.</summary>
    public ulong Address => Memory.Address;

    /// <summary>How many bytes.</summary>
    public ulong Length => Memory.Length;

    /// <summary>Who serves the memory, since the switch: for statistics. Null before.</summary>
    public AddressSpace? Space { get; private set; }

    /// <summary>Completes when nothing is missing any more, here and in forked children; fails when the memory ceased to be served before that, or was disposed before the switch.</summary>
    public Task Completed => _completed.Task;

    /// <summary>Maps memory and lands in it.</summary>
    /// <param name="length">The region's bytes; whole pages of 4096.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">There is not so much memory, or the kernel or this process's privileges lack something: says what.</exception>
    public static MemoryLanding Create(ulong length, MemoryLandingOptions? options = null)
    {
        MemoryLanding landing = CreateUnrehearsed(length, options);
        LandingRehearsal.RunOnce();
        return landing;
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> pages)
    {
        RequireBeforeSwitch();
        _landing.Write(offset, pages);
    }

    /// <inheritdoc/>
    public void Clear(ulong offset, ulong length)
    {
        RequireBeforeSwitch();
        _landing.Clear(offset, length);
    }

    /// <inheritdoc/>
    public void Switch(IMigratedPages pages)
    {
        ArgumentNullException.ThrowIfNull(pages);
        lock (_changing)
        {
            RequireBeforeSwitch();
            var plan = new SwitchPlan(pages, Length);
            _landing.Discard(plan.Missing);
            _landing.Dispose();
            _serving.Register(Memory.Range, UffdRegisterModes.Missing);
            if (!_serving.Features.HasFlag(UffdFeatures.EventFork))
            {
                Memory.Advise(MemoryAdvice.DontFork); // a child would read zeros where pages are missing
            }

            var region = new AddressSpaceRegion(Memory.Range, pages) { AlreadyThere = plan.There };
            Space = _pager.Attach(_serving, [region], _options.Paging with
            {
                BackgroundFill = true,
                FailurePolicy = FaultFailurePolicy.Poison,
                SourceTimeout = Timeout.InfiniteTimeSpan,
                TargetProcess = null,
            });
            if (_ownsMemory)
            {
                Kept.Add(Memory);
            }
        }

        _ = FinishAsync(Space);
    }

    /// <summary>
    /// Before the switch: lets the memory go. After it: what is missing is poisoned, and the memory stays as it is, because the workload runs on in it.
    /// </summary>
    public void Dispose()
    {
        lock (_changing)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (Space is null)
            {
                _landing.Dispose();
                _serving.Dispose();
                if (_ownsMemory)
                {
                    Memory.Dispose();
                }

                Fail("the landing was disposed before the switch");
            }
        }

        _pager.Dispose();
    }

    /// <summary>For the rehearsal, which is one itself.</summary>
    internal static MemoryLanding CreateUnrehearsed(ulong length, MemoryLandingOptions? options)
    {
        options ??= new MemoryLandingOptions();
        var memory = MemoryMapping.CreateAnonymous(length, options.Mapping);
        try
        {
            return new MemoryLanding(memory, options, ownsMemory: true);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    private async Task FinishAsync(AddressSpace space)
    {
        try
        {
            await FinishOnceResidentAsync(space).ConfigureAwait(false);
        }
        catch (Exception failure) // whoever waits for the end must hear of it
        {
            Fail($"the memory could not be let go: {failure.Message}");
        }
    }

    private async Task FinishOnceResidentAsync(AddressSpace space)
    {
        await Task.WhenAny(space.Resident, space.Ended).ConfigureAwait(false);
        if (!space.Resident.IsCompleted)
        {
            Fail($"the memory is served no longer, and not all of it has come ({await space.Ended.ConfigureAwait(false)})");
            return;
        }

        while (_pager.AddressSpaces.Where(one => !one.Resident.IsCompleted && !one.Ended.IsCompleted).ToArray() is { Length: > 0 } children)
        {
            await Task.WhenAll(children.Select(child => Task.WhenAny(child.Resident, child.Ended))).ConfigureAwait(false);
        }

        // Nothing is missing: without a userfaultfd what was never written is the kernel's zeros, at the kernel's speed.
        _pager.Dispose();
        if (!_serving.Features.HasFlag(UffdFeatures.EventFork))
        {
            TryAllowForks();
        }

        _completed.TrySetResult();
    }

    private void TryAllowForks()
    {
        try
        {
            Memory.Advise(MemoryAdvice.DoFork);
        }
        catch (Exception failure) when (failure is UffdException or ObjectDisposedException)
        {
            // It has been unmapped, in part or as a whole: whoever did that needs it no longer.
        }
    }

    private void Fail(string reason)
    {
        if (_completed.TrySetException(new IOException(reason)))
        {
            _ = _completed.Task.Exception; // seen, should nobody look
        }
    }

    private void RequireBeforeSwitch()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Space is not null)
        {
            throw new InvalidOperationException("the switch has been made");
        }
    }
}
