using System.Collections.Frozen;

namespace Uffd.Paging;

/// <summary>
/// Fails some reads, writes and flushes with an <see cref="IOException"/>, for tests. What does not fail is right.
/// </summary>
public sealed class FaultyPageStore : PageStoreDecorator
{
    private const int Block = 512;

    private readonly FaultyStoreOptions _options;
    private readonly FaultyPageSource _reads;
    private readonly SortedRanges _ranges;
    private readonly FrozenSet<long> _writeNumbers;
    private readonly FrozenSet<long> _flushNumbers;
    private readonly Dice _writeDice;
    private readonly Dice _flushDice;
    private readonly Dice _tearDice;
    private readonly StoredPages? _taken; // what has room already
    private readonly Lock _room = new();
    private ulong _used;
    private long _writes;
    private long _writeFailures;
    private long _flushes;
    private long _flushFailures;

    /// <summary>Stands on a store.</summary>
    /// <param name="inner">Where what does not fail goes.</param>
    /// <param name="options">What fails.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    public FaultyPageStore(IPageStore inner, FaultyStoreOptions options, bool ownsInner = true)
        : base(inner, ownsInner)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.WriteRate is not (>= 0 and <= 1) || options.FlushRate is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), "a rate is from 0 to 1");
        }

        _options = options;
        _reads = new FaultyPageSource(inner, options.Reads, ownsInner: false);
        _ranges = new SortedRanges(options.WriteRanges);
        _writeNumbers = options.Writes.ToFrozenSet();
        _flushNumbers = options.Flushes.ToFrozenSet();
        _writeDice = new Dice(options.Seed);
        _flushDice = new Dice(unchecked(options.Seed + 1));
        _tearDice = new Dice(unchecked(options.Seed + 2));
        _taken = options.RoomBytes < ulong.MaxValue ? new StoredPages(inner.Length) : null;
    }

    /// <summary>How many reads there were.</summary>
    public long Reads => _reads.Reads;

    /// <summary>How many of them failed.</summary>
    public long ReadFailures => _reads.Failures;

    /// <summary>How many writes there were.</summary>
    public long Writes => Interlocked.Read(ref _writes);

    /// <summary>How many of them failed, those on a full disk too.</summary>
    public long WriteFailures => Interlocked.Read(ref _writeFailures);

    /// <summary>How many flushes there were.</summary>
    public long Flushes => Interlocked.Read(ref _flushes);

    /// <summary>How many of them failed.</summary>
    public long FlushFailures => Interlocked.Read(ref _flushFailures);

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => false;

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination) => _reads.Read(offset, destination);

    /// <inheritdoc/>
    public override ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => _reads.ReadAsync(offset, destination, cancellation);

    /// <inheritdoc/>
    public override void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        ThrowIfItFails(offset, source);
        Inner.Write(offset, source);
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        try
        {
            ThrowIfItFails(offset, source.Span);
        }
        catch (IOException exception)
        {
            return ValueTask.FromException(exception);
        }

        return WriteInnerAsync(offset, source, cancellation);
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        long number = Interlocked.Increment(ref _flushes);
        if (_flushDice.At(number) < _options.FlushRate || _flushNumbers.Contains(number))
        {
            Interlocked.Increment(ref _flushFailures);
            throw new IOException($"flush {number} fails on purpose");
        }

        Inner.Flush();
    }

    private void ThrowIfItFails(ulong offset, ReadOnlySpan<byte> source)
    {
        long number = Interlocked.Increment(ref _writes);
        if (_writeDice.At(number) < _options.WriteRate || _writeNumbers.Contains(number) || _ranges.Overlaps(offset, (ulong)source.Length))
        {
            Interlocked.Increment(ref _writeFailures);
            Tear(number, offset, source);
            throw new IOException($"write {number}, of {source.Length} bytes at {offset}, fails on purpose");
        }

        if (!TryTakeRoom(offset, source.Length))
        {
            Interlocked.Increment(ref _writeFailures);
            throw new IOException($"write {number}, of {source.Length} bytes at {offset}, finds the disk full on purpose: it has room for {_options.RoomBytes} bytes");
        }
    }

    private bool TryTakeRoom(ulong offset, int length)
    {
        if (_taken is null)
        {
            return true;
        }

        lock (_room)
        {
            ulong wanted = 0;
            for (ulong done = 0, same; done < (ulong)length; done += same)
            {
                wanted += _taken.Contains(offset + done, (ulong)length - done, out same) ? 0 : same;
            }

            if (wanted > _options.RoomBytes - _used)
            {
                return false;
            }

            _used += wanted;
            _taken.Add(offset, (ulong)length);
            return true;
        }
    }

    /// <summary>Writes the first blocks, and in the page where they end the rest as it was.</summary>
    private void Tear(long number, ulong offset, ReadOnlySpan<byte> source)
    {
        if (!_options.TornWrites)
        {
            return;
        }

        int done = (int)(_tearDice.At(number) * (source.Length / Block)) * Block;
        int whole = done - (done % Environment.SystemPageSize);
        if (whole > 0)
        {
            Inner.Write(offset, source[..whole]);
        }

        if (done > whole)
        {
            byte[] page = new byte[Environment.SystemPageSize];
            Inner.Read(offset + (ulong)whole, page);
            source[whole..done].CopyTo(page);
            Inner.Write(offset + (ulong)whole, page);
        }
    }
}
