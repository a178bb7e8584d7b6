namespace Uffd.Snapshots.Tests;

/// <summary>The clock has gone through every kind of memory up to one place: test/native/invariantclock.c.</summary>
/// <param name="symbols">What the process told.</param>
internal sealed class ClockInvariant(IReadOnlyDictionary<string, ulong> symbols) : IInvariant
{
    private const string KindPrefix = "clock.kind.";

    /// <inheritdoc/>
    public void Check(ISnapshot snapshot)
    {
        ulong count = symbols["clock.count"];
        ulong[] entries = snapshot.ReadWords(symbols["clock.entries"], 2 * count);
        ulong clock = 0;
        ulong? boundary = null;
        for (ulong index = 0; index < count; index++)
        {
            (ulong address, ulong kind) = (entries[2 * index], entries[(2 * index) + 1]);
            if (!snapshot.TryReadWords(address, 1, out ulong[]? value))
            {
                throw new BrokenInvariantException($"clock: the copy has nothing at 0x{address:x}, of the kind {Name(kind)}");
            }

            clock = index == 0 ? value[0] : clock;
            if (boundary is null && value[0] == clock - 1 && index > 0)
            {
                boundary = index;
            }

            ulong expected = boundary is null ? clock : clock - 1;
            if (value[0] != expected || value[0] == 0)
            {
                throw new BrokenInvariantException(
                    $"clock: {Name(kind)} at 0x{address:x}, number {index} of {count}, has {value[0]}, and should have {expected}: the clock is {clock}"
                    + (boundary is { } place ? $" and had come to number {place}" : ""));
            }
        }
    }

    private string Name(ulong kind)
        => symbols.FirstOrDefault(symbol => symbol.Key.StartsWith(KindPrefix, StringComparison.Ordinal) && symbol.Value == kind).Key?[KindPrefix.Length..] ?? $"kind {kind}";
}
