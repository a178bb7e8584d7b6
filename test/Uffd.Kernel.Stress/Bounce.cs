using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Uffd.Testing;
using KernelCalls = Uffd.Interop.Kernel;

namespace Uffd.Kernel.Stress;

/// <summary>
/// Two areas of a native process. In each bounce the pages of one are brought to the other, which is empty and registered: by
/// faults of threads that lock and count in them, and by a thread that copies them in the background. Then every page is
/// checked, and the areas change places.
/// </summary>
internal sealed class Bounce : IAsyncDisposable
{
    private const int Handlers = 2;
    private const int EndRegion = 2;
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly NativeTarget _target;
    private readonly MemoryKind _kind;
    private readonly AddressRange[] _areas;
    private readonly AddressRange _end;
    private readonly SafeFileHandle _memory;
    private readonly IDisposable? _hugePages;
    private int _destination;
    private long _pages;
    private long _missing;
    private long _protect;
    private long _alreadyThere;
    private long _wrong;
    private int _bounces;

    private Bounce(NativeTarget target, MemoryKind kind, AddressRange[] areas, AddressRange end, Userfaultfd userfaultfd, IDisposable? hugePages)
    {
        _target = target;
        _kind = kind;
        _areas = areas;
        _end = end;
        Userfaultfd = userfaultfd;
        _hugePages = hugePages;
        _memory = File.OpenHandle(string.Create(CultureInfo.InvariantCulture, $"/proc/{target.ProcessId}/mem"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
    }

    public Userfaultfd Userfaultfd { get; }

    public ulong PageSize => _kind.PageSize();

    private int Count => (int)(_areas[0].Length / PageSize);

    public static async Task<Bounce> StartAsync(MemoryKind kind)
    {
        bool protects = Protects(kind);
        Requires.Features(kind.Needs(UffdRegisterModes.Missing));
        Requires.Root(); // reads the process's memory while its threads wait
        _ = kind.Discard();
        int pages = kind.IsHugetlb() ? 16 : 4096;
        IDisposable? hugePages = kind.IsHugetlb() ? Requires.HugePages((2 * pages) + 4) : null;
        NativeTarget? target = null;
        try
        {
            target = await NativeTarget.StartAsync(Patience);
            AddressRange first = await MapAsync(target, (ulong)pages * kind.PageSize(), kind.Word());
            AddressRange second = await MapAsync(target, (ulong)pages * kind.PageSize(), kind.Word());
            AddressRange end = await MapAsync(target, Handlers * (ulong)Environment.SystemPageSize, MemoryKind.Anonymous.Word());
            await target.RunAsync($"lockinit 0 {kind.PageSize()}");
            await target.CreateUserfaultfdAsync();
            var bounce = new Bounce(target, kind, [first, second], end, await target.HandOverAsync(), hugePages) { WithProtection = protects };
            return bounce;
        }
        catch
        {
            if (target is not null)
            {
                await target.DisposeAsync();
            }

            hugePages?.Dispose();
            throw;
        }
    }

    private bool WithProtection { get; init; }

    public AddressRange Destination(int page) => new(_areas[_destination].Start + ((ulong)page * PageSize), PageSize);

    public AddressRange PageAt(ulong address) => Destination(PageOf(address));

    public int PageOf(ulong address) => (int)((address - _areas[_destination].Start) / PageSize);

    public bool IsEnd(ulong address) => _end.Contains(address);

    /// <summary>The second half comes write-protected.</summary>
    public bool IsProtected(int page) => WithProtection && page >= Count / 2;

    /// <summary>What a page holds where it comes from: nobody writes there during a bounce.</summary>
    public void ReadSource(int page, Span<byte> bytes)
    {
        ulong address = _areas[1 - _destination].Start + ((ulong)page * PageSize);
        for (int done = 0; done < bytes.Length;)
        {
            int read = RandomAccess.Read(_memory, bytes[done..], (long)address + done);
            done += read > 0 ? read : throw new UffdException($"page {page} of the source cannot be read");
        }
    }

    public long CountPage() => Interlocked.Increment(ref _pages);

    public void CountMissingFault() => Interlocked.Increment(ref _missing);

    public void CountProtectFault() => Interlocked.Increment(ref _protect);

    public void CountAlreadyThere() => Interlocked.Increment(ref _alreadyThere);

    public StressReport Report(TimeSpan elapsed) => new(_kind, _bounces, _pages, _missing, _protect, _alreadyThere, _wrong, elapsed);

    /// <summary>Brings all pages over once, and checks them.</summary>
    public async Task RunAsync(Random random, int threads)
    {
        bool poll = random.Next(2) == 0;
        bool inOrder = random.Next(2) == 0;
        bool racing = random.Next(2) == 0;
        _destination = 1 - _destination;
        AddressRange destination = _areas[_destination];
        Userfaultfd.Register(destination, UffdRegisterModes.Missing | (WithProtection ? UffdRegisterModes.WriteProtect : 0));
        Userfaultfd.Register(_end, UffdRegisterModes.Missing);
        KernelCalls.SetNonBlocking(Userfaultfd.Handle, poll);

        Handler[] handlers = [.. Enumerable.Range(0, Handlers).Select(_ => new Handler(this, poll))];
        int seed = inOrder ? 0 : random.Next(1, int.MaxValue);
        int visits = 2 * Count;
        TargetJob lockers = await _target.BeginAsync($"lock {_destination} {PageSize} {threads} {visits} {seed} {(racing ? 0 : 1)}");
        int[] order = [.. Enumerable.Range(0, Count)];
        random.Shuffle(order);
        Task background = Task.Factory.StartNew(() => CopyAll(order), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Task<string> locked = lockers.JoinAsync();
        while (!locked.IsCompleted && Array.TrueForAll(handlers, handler => handler.Failure is null))
        {
            await Task.WhenAny(locked, Task.Delay(50));
        }

        await background.WaitAsync(Patience);
        await EndAsync(handlers, poll);
        foreach (Handler handler in handlers)
        {
            if (handler.Failure is { } failure)
            {
                throw new InvalidOperationException("a fault handler failed", failure);
            }
        }

        await locked;
        _wrong += long.Parse(await _target.RunAsync($"lockverify {_destination} {PageSize}"), CultureInfo.InvariantCulture);
        _bounces++;

        // Its pages stay; those of the other go.
        Userfaultfd.Unregister(destination).ThrowIfIncomplete();
        await _target.SelectAsync(1 - _destination);
        await _target.AdviseAsync(_kind.Discard(), 0, destination.Length);
        if (_kind == MemoryKind.ShmemPrivate)
        {
            // A first write to unregistered memory left a page of zeros in the object below, which would hide that the page is missing.
            await _target.RunAsync($"punch 0 {destination.Length}");
        }

        await _target.SelectAsync(EndRegion);
        await _target.AdviseAsync(MemoryAdvice.DontNeed, 0, _end.Length);
    }

    public async ValueTask DisposeAsync()
    {
        await _target.DisposeAsync();
        Userfaultfd.Dispose();
        _memory.Dispose();
        _hugePages?.Dispose();
    }

    private static bool Protects(MemoryKind kind)
        => (kind.Needs(UffdRegisterModes.WriteProtect) & ~Userfaultfd.SupportedFeatures) == UffdFeatures.None;

    private static async Task<AddressRange> MapAsync(NativeTarget target, ulong length, string kind)
    {
        await target.RunAsync($"area {length} {kind}");
        return await target.GetRegionAsync();
    }

    private void CopyAll(int[] order)
    {
        using var copier = new PageCopier(this);
        foreach (int page in order)
        {
            copier.Copy(page);
        }
    }

    /// <summary>Ends the handlers: one that sleeps in a read by a fault of its own.</summary>
    private async Task EndAsync(Handler[] handlers, bool poll)
    {
        if (poll)
        {
            Array.ForEach(handlers, handler => handler.Stop());
        }
        else
        {
            await _target.SelectAsync(EndRegion);
            for (int index = 0; index < handlers.Length && Array.Exists(handlers, handler => !handler.HasEnded); index++)
            {
                TargetJob touch = await _target.BeginTouchAsync(threads: 1, (ulong)index * (ulong)Environment.SystemPageSize);
                await touch.JoinAsync();
            }
        }

        long start = Stopwatch.GetTimestamp();
        while (Array.Exists(handlers, handler => !handler.HasEnded))
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException("a fault handler does not end");
            }

            await Task.Delay(1);
        }
    }
}
