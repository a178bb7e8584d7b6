using System.Globalization;
using Uffd.Samples.KeyValue;

namespace Uffd.Tool.Migrate;

/// <summary>What the client writes: a value follows from its key and from how often that was written.</summary>
internal static class MigrateRecords
{
    private const int SlotBytes = 256;
    private const int ValueBytes = 160;
    private const string Letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

    /// <summary>How many keys make a store of so many bytes three fifths full, so that almost every page has some.</summary>
    public static int CountFor(ulong bytes) => (int)Math.Min(bytes / SlotBytes * 3 / 5, 50_000_000);

    public static string Key(int index) => string.Create(CultureInfo.InvariantCulture, $"key-{index:x8}");

    /// <summary>The value of a key after some writes.</summary>
    public static string Value(int index, int version)
    {
        ulong state = unchecked(((ulong)(uint)index << 32 | (uint)version) * 0x9E3779B97F4A7C15) | 1;
        return string.Create(ValueBytes, (version, state), static (text, seed) =>
        {
            _ = seed.version.TryFormat(text, out int written, default, CultureInfo.InvariantCulture);
            text[written++] = ':';
            for (ulong state = seed.state; written < text.Length; written++)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                text[written] = Letters[(int)(state >> 58)];
            }
        });
    }

    /// <summary>Fills a store with the first version of each.</summary>
    public static void Fill(KeyValueStore store, int count, Action<double> tell, CancellationToken cancellation)
    {
        for (int index = 0; index < count; index++)
        {
            if (index % 4096 == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                tell(index / (double)count);
            }

            if (!store.Set(System.Text.Encoding.ASCII.GetBytes(Key(index)), System.Text.Encoding.ASCII.GetBytes(Value(index, 0))))
            {
                throw new ToolException(ExitCodes.Failed, "the store is full before it should be");
            }
        }
    }
}
