using System.Collections.Concurrent;

namespace Uffd.Paging.Tests;

/// <summary>Bytes of an array that must be read: nothing is known of them beforehand, and they are nowhere in memory.</summary>
internal class ReadSource : IPageSource
{
    private readonly byte[] _bytes;

    public ReadSource(byte[] bytes) => _bytes = bytes;

    public ulong Length => (ulong)_bytes.Length;

    public virtual SourceRun GetRun(ulong offset, ulong length) => new(length, SourceRunKind.Data);

    public virtual void Read(ulong offset, Span<byte> destination)
    {
        int available = (int)Math.Min((ulong)destination.Length, Length - Math.Min(Length, offset));
        _bytes.AsSpan((int)Math.Min(Length, offset), available).CopyTo(destination);
        destination[available..].Clear();
    }

    public void Dispose()
    {
    }
}

/// <summary>Counts how often each page was read.</summary>
internal sealed class CountingSource(byte[] bytes) : ReadSource(bytes)
{
    private readonly ConcurrentDictionary<ulong, int> _reads = new();

    /// <summary>Pages that were read more than once.</summary>
    public IEnumerable<ulong> Repeated => _reads.Where(page => page.Value > 1).Select(page => page.Key);

    public int Total => _reads.Values.Sum();

    public int ReadsOf(ulong page) => _reads.GetValueOrDefault(page);

    public override void Read(ulong offset, Span<byte> destination)
    {
        for (ulong at = offset; at < offset + (ulong)destination.Length; at += Pattern.Page)
        {
            _reads.AddOrUpdate(at / Pattern.Page, 1, (_, count) => count + 1);
        }

        base.Read(offset, destination);
    }
}

/// <summary>Stops inside Read, with the page in hand, until it is told to go on.</summary>
internal sealed class GatedSource : ReadSource, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly ManualResetEventSlim _open = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly Func<ulong, int, bool> _gated;
    private int _reads;

    /// <param name="bytes">The content.</param>
    /// <param name="gated">Which reads stop: told their offset and length. Null for all.</param>
    public GatedSource(byte[] bytes, Func<ulong, int, bool>? gated = null)
        : base(bytes)
        => _gated = gated ?? ((_, _) => true);

    public int Reads => Volatile.Read(ref _reads);

    /// <summary>What a read that waited throws once it may go on; null when it succeeds.</summary>
    public Exception? Outcome { get; set; }

    public override void Read(ulong offset, Span<byte> destination)
    {
        Interlocked.Increment(ref _reads);
        base.Read(offset, destination);
        if (!_open.IsSet && _gated(offset, destination.Length))
        {
            _arrived.Release();
            _open.Wait(Patience);
            if (Outcome is { } exception)
            {
                throw exception;
            }
        }
    }

    /// <summary>Waits until a read has stopped.</summary>
    public async Task ArrivedAsync() => Assert.True(await _arrived.WaitAsync(Served.Patience), "no read came to the gate");

    /// <summary>Lets all reads go on, from now on.</summary>
    public void Open() => _open.Set();

    void IDisposable.Dispose() => _open.Set();
}

/// <summary>Fails as told.</summary>
/// <param name="bytes">The content.</param>
/// <param name="fails">Whether a read of a page fails: told the page and how often it was asked for before.</param>
internal sealed class FlakySource(byte[] bytes, Func<ulong, int, bool> fails) : ReadSource(bytes)
{
    private readonly ConcurrentDictionary<ulong, ConcurrentQueue<long>> _asked = new();

    /// <summary>When a page was asked for.</summary>
    public IReadOnlyList<long> TimesOf(ulong page) => [.. _asked.GetValueOrDefault(page) ?? []];

    public override void Read(ulong offset, Span<byte> destination)
    {
        for (ulong at = offset; at < offset + (ulong)destination.Length; at += Pattern.Page)
        {
            ConcurrentQueue<long> times = _asked.GetOrAdd(at / Pattern.Page, _ => new ConcurrentQueue<long>());
            int before = times.Count;
            times.Enqueue(System.Diagnostics.Stopwatch.GetTimestamp());
            if (fails(at / Pattern.Page, before))
            {
                throw new IOException($"page {at / Pattern.Page} cannot be had");
            }
        }

        base.Read(offset, destination);
    }
}

/// <summary>Breaks in other ways than the interface allows.</summary>
internal sealed class HostileSource(byte[] bytes, Func<ulong, ulong, SourceRun>? run = null, Func<ulong, DirectAccess>? direct = null, Action<ulong>? read = null)
    : ReadSource(bytes), IPageSource
{
    public override SourceRun GetRun(ulong offset, ulong length) => run?.Invoke(offset, length) ?? base.GetRun(offset, length);

    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        address = 0;
        return direct?.Invoke(offset) ?? DirectAccess.None;
    }

    public override void Read(ulong offset, Span<byte> destination)
    {
        read?.Invoke(offset);
        base.Read(offset, destination);
    }
}
