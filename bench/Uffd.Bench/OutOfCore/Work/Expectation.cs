namespace Uffd.Bench;

/// <summary>
/// What a run must see and leave behind, whoever does it: the same operations over counters in memory. A read that showed an older
/// version of a record, or a write that was lost, comes out different.
/// </summary>
internal sealed class Expectation(OperationSequence sequence, int warmUp)
{
    private readonly Dictionary<uint, ulong> writes = [];

    /// <summary>How often each record was written so far; those that are not there, never.</summary>
    public IReadOnlyDictionary<uint, ulong> Writes => writes;

    /// <summary>How many runs were foreseen so far.</summary>
    public int Runs { get; private set; }

    /// <summary>Foresees the next run over the same file.</summary>
    /// <returns>What its reads add up to.</returns>
    public ulong NextRun()
    {
        Runs++;
        var seen = Operate(sequence.Operations[..warmUp]);
        return Record.Mix(seen ^ Operate(sequence.Operations[warmUp..]));
    }

    private ulong Operate(ReadOnlySpan<uint> operations)
    {
        ulong seen = 0;
        foreach (var operation in operations)
        {
            var number = operation & ~OperationSequence.WriteBit;
            var count = writes.GetValueOrDefault(number);
            seen = Record.Mix(seen ^ new Record(number, count).Check);
            if ((operation & OperationSequence.WriteBit) != 0)
            {
                writes[number] = count + 1;
            }
        }

        return seen;
    }
}
