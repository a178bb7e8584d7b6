using System.Globalization;
using System.Text;

namespace Uffd.Snapshots.Tests;

/// <summary>
/// The writes of a test, one strictly after the other: number n goes to one key and has one value. So the values of all keys at an instant
/// say how many writes had been done, and every key must say the same.
/// </summary>
internal static class RedisSequence
{
    /// <summary>How many keys.</summary>
    public const int Keys = 20_000;

    /// <summary>The length of each value: too long to be kept inside its object, so that writes change it in place.</summary>
    public const int ValueLength = 64;

    // Has no divisor in common with the number of keys: neighbours in time are not neighbours in memory.
    private const int Stride = 7919;

    private static readonly int[] Ranks = MakeRanks();

    /// <summary>The key of a write.</summary>
    public static int KeyOf(long write) => (int)(write % Keys * Stride % Keys);

    /// <summary>The last write to a key among the first <paramref name="done"/> writes, which are at least one for each key.</summary>
    public static long LastTo(int key, long done) => done - 1 - ((done - 1 - Ranks[key]) % Keys);

    public static string Name(int key) => string.Create(CultureInfo.InvariantCulture, $"key:{key:D6}");

    /// <summary>The value of a write.</summary>
    public static string Value(long write)
    {
        ulong hash = SnapshotWords.Mix((ulong)write + 1);
        string value = string.Create(CultureInfo.InvariantCulture, $"{KeyOf(write):D6}:{write:x16}:{hash:x16}{SnapshotWords.Mix(hash):x16}");
        return value.PadRight(ValueLength, (char)('a' + (write % 26)));
    }

    /// <summary>The write that a value is of, if it is whole.</summary>
    public static long? TryParse(ReadOnlySpan<byte> value)
    {
        string text = Encoding.ASCII.GetString(value);
        return long.TryParse(text.AsSpan(7, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long write)
            && write is >= 0 and < long.MaxValue / Stride
            && string.Equals(text, Value(write), StringComparison.Ordinal)
            ? write
            : null;
    }

    private static int[] MakeRanks()
    {
        int[] ranks = new int[Keys];
        for (int write = 0; write < Keys; write++)
        {
            ranks[KeyOf(write)] = write;
        }

        return ranks;
    }
}
