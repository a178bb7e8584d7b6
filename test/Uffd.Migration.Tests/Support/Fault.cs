namespace Uffd.Migration.Tests.Support;

/// <summary>What a connection does to the bytes on it.</summary>
internal enum FaultKind
{
    /// <summary>Nothing: they go through.</summary>
    None,

    /// <summary>It breaks; what the other side has not read is lost.</summary>
    Reset,

    /// <summary>It ends; what was written can still be read.</summary>
    Close,

    /// <summary>Bytes are lost.</summary>
    Drop,

    /// <summary>Bytes come twice.</summary>
    Duplicate,

    /// <summary>A bit comes inverted.</summary>
    Flip,

    /// <summary>Nothing goes for a time, or for ever.</summary>
    Stall,
}

/// <summary>Something that happens to a connection in one direction.</summary>
/// <param name="Kind">What.</param>
/// <param name="At">Before the byte of this number.</param>
/// <param name="Count">Bytes that are dropped or doubled, the bit that is inverted, milliseconds of a stall; -1 for one that lasts until the connection is closed.</param>
internal readonly record struct Fault(FaultKind Kind, long At, int Count)
{
    public bool IsSilent => Kind is FaultKind.Drop or FaultKind.Duplicate or FaultKind.Flip;

    public override string ToString() => $"{Kind}@{At}({Count})";
}

/// <summary>One direction's faults, and how far it is.</summary>
/// <param name="faults">In order of their places.</param>
/// <param name="pieces">Cuts what goes through into random pieces; null for none.</param>
internal sealed class FaultTrack(IEnumerable<Fault> faults, Random? pieces)
{
    private readonly Fault[] _faults = [.. faults.OrderBy(static fault => fault.At)];
    private long _at;
    private int _next;

    /// <summary>Bytes that came here.</summary>
    public long Bytes => Volatile.Read(ref _at);

    /// <summary>What to do with the next bytes: <see cref="FaultKind.None"/> lets the told number through.</summary>
    /// <param name="wanted">How many there are, at least one.</param>
    public Fault Next(int wanted)
    {
        if (_next < _faults.Length && _faults[_next].At <= _at)
        {
            Fault due = _faults[_next++];
            return due.Kind is FaultKind.Drop or FaultKind.Duplicate ? due with { Count = Math.Min(due.Count, wanted) } : due;
        }

        int through = _next < _faults.Length ? (int)Math.Min(wanted, _faults[_next].At - _at) : wanted;
        return new Fault(FaultKind.None, _at, pieces is null || pieces.Next(4) > 0 ? through : pieces.Next(1, through + 1));
    }

    public void Advance(int bytes) => Volatile.Write(ref _at, _at + bytes);
}
