namespace Uffd.Snapshots.Tests;

/// <summary>The accounts' sum never changes: test/native/invariantbank.c says why, store by store.</summary>
/// <param name="symbols">What the process told.</param>
internal sealed class BankInvariant(IReadOnlyDictionary<string, ulong> symbols) : IInvariant
{
    private const int SlotWords = 8;

    /// <inheritdoc/>
    public void Check(ISnapshot snapshot)
    {
        ulong count = symbols["bank.count"];
        ulong stride = symbols["bank.stride"] / sizeof(ulong);
        ulong slots = symbols["bank.slotCount"];
        ulong[] words = snapshot.ReadWords(symbols["bank.accounts"], count * stride);
        ulong[] journal = snapshot.ReadWords(symbols["bank.slots"], slots * SlotWords);

        ulong sum = 0;
        ulong taken = 0;
        for (ulong index = 0; index < count; index++)
        {
            ulong word = words[index * stride];
            sum = unchecked(sum + (word >> 1));
            taken += word & 1;
        }

        Expect(taken <= 2 * slots, $"{taken} accounts are taken, by {slots} threads");
        for (ulong slot = 0; slot < slots; slot++)
        {
            ReadOnlySpan<ulong> entry = journal.AsSpan((int)slot * SlotWords, SlotWords);
            Expect(entry[0] <= 1, $"the journal of thread {slot} is in phase {entry[0]}");
            if (entry[0] == 1)
            {
                Expect(entry[1] < count && entry[2] < count && entry[1] != entry[2], $"the journal of thread {slot} names the accounts {entry[1]} and {entry[2]}");
                sum = unchecked(sum + Replaced(words[entry[1] * stride], entry[3], entry[3] - entry[5], entry[1]));
                sum = unchecked(sum + Replaced(words[entry[2] * stride], entry[4], entry[4] + entry[5], entry[2]));
            }
        }

        ulong expected = count * symbols["bank.initial"];
        Expect(sum == expected, $"the accounts hold {sum}, which is {unchecked((long)(sum - expected))} more than there is");
    }

    /// <summary>What the sum changes by when an account that is being changed counts with its old balance.</summary>
    private static ulong Replaced(ulong word, ulong before, ulong after, ulong account)
    {
        ulong balance = word >> 1;
        Expect((word & 1) == 1, $"account {account} is in a journal, and not taken");
        Expect(balance == before || balance == after, $"account {account} goes from {before} to {after}, and holds {balance}");
        return unchecked(before - balance);
    }

    private static void Expect(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new BrokenInvariantException($"bank: {otherwise}");
        }
    }
}
