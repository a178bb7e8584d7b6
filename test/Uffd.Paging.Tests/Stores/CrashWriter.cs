using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.Paging.Tests.Stores;

/// <summary>
/// What the process does that is to be killed: this assembly, started with a variable in its environment, writes numbered pages for ever instead of
/// running tests. Round after round it writes each page once, flushes, and tells the round's number. In every other round it takes its time
/// between its writes: where they take microseconds and a flush milliseconds, a kill would hardly ever come between them.
/// </summary>
internal static class CrashWriter
{
    public const string Variable = "UFFD_TEST_CRASH_WRITER";
    public const int Pages = 96;
    private const int PauseSpins = 5_000; // about 0.2 ms

    /// <summary>A page of a round: every 8 bytes tell both, and where in the page they are.</summary>
    public static void FillPage(Span<byte> page, int index, long round)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(page);
        for (int word = 0; word < words.Length; word++)
        {
            words[word] = Word(index, word, (ulong)round);
        }
    }

    /// <summary>The round that a page is of, or -1 when it is of none or of several.</summary>
    public static long RoundOf(ReadOnlySpan<byte> page, int index)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(page);
        ulong round = words[0] >> 24;
        for (int word = 0; word < words.Length; word++)
        {
            if (words[word] != Word(index, word, round))
            {
                return -1;
            }
        }

        return (long)round;
    }

    public static FilePageStoreOptions Options(bool direct) => new() { Length = Pages * Pattern.Page, Create = true, Direct = direct };

    private static ulong Word(int index, int word, ulong round) => (round << 24) + ((ulong)index << 12) + (ulong)word;

    [ModuleInitializer]
    internal static void RunIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } told)
        {
            string[] parts = told.Split('|');
            Write(parts[0], direct: bool.Parse(parts[1]), first: long.Parse(parts[2], CultureInfo.InvariantCulture));
        }
    }

    private static void Write(string path, bool direct, long first)
    {
        using FilePageStore store = FilePageStore.Open(path, Options(direct));
        using Stream output = Console.OpenStandardOutput();
        using MemoryMapping memory = MemoryMapping.CreateAnonymous(8 * Pattern.Page);
        var random = new Random(unchecked((int)first));
        int[] order = [.. Enumerable.Range(0, Pages / 8)];
        for (long round = first; ; round++)
        {
            random.Shuffle(order);
            foreach (int batch in order) // eight pages a write, as a region writes back
            {
                for (int page = 0; page < 8; page++)
                {
                    FillPage(memory.AsSpan((ulong)page * Pattern.Page, (int)Pattern.Page), (batch * 8) + page, round);
                }

                store.Write((ulong)batch * 8 * Pattern.Page, memory.AsSpan());
                Thread.SpinWait(round % 2 == 0 ? PauseSpins : 0);
            }

            store.Flush();
            output.Write(BitConverter.GetBytes(round)); // one write(2), which is whole or not at all
        }
    }
}
