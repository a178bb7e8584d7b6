namespace Uffd.Paging;

/// <summary>What of a <see cref="FaultyPageStore"/> fails: all for which one of these says so. By default nothing.</summary>
public sealed record FaultyStoreOptions
{
    /// <summary>Which reads fail. Its seed and clock are for reads only.</summary>
    public FaultyOptions Reads { get; init; } = new();

    /// <summary>The share of writes that fail, from 0 to 1. Which ones, the seed tells: the n-th write of two runs has the same fate.</summary>
    public double WriteRate { get; init; }

    /// <summary>Bytes that cannot be written: a write of any of them fails, each time.</summary>
    public IReadOnlyCollection<SourceRange> WriteRanges { get; init; } = [];

    /// <summary>The numbers of writes that fail; the first write is 1.</summary>
    public IReadOnlyCollection<long> Writes { get; init; } = [];

    /// <summary>
    /// Whether a write that fails has written a part of its bytes before it did: as many blocks of 512 bytes as the seed tells, and perhaps none. Default:
    /// false, it has written nothing.
    /// </summary>
    public bool TornWrites { get; init; }

    /// <summary>
    /// How many bytes can be written until the disk is full, each page counted when it is written first. Default: no limit. Pages that were written before can be
    /// written again.
    /// </summary>
    public ulong RoomBytes { get; init; } = ulong.MaxValue;

    /// <summary>The share of flushes that fail, from 0 to 1.</summary>
    public double FlushRate { get; init; }

    /// <summary>The numbers of flushes that fail; the first flush is 1. One that fails does not reach what is below.</summary>
    public IReadOnlyCollection<long> Flushes { get; init; } = [];

    /// <summary>What the rates of writes and flushes, and where writes tear, are drawn with.</summary>
    public ulong Seed { get; init; }
}
