using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Uffd.Paging.Tests.Stores;

/// <summary>
/// What the process does that is killed: this program, started with a variable set, is that and no test run. It writes all pages of a
/// round in any order, some twice, flushes, tells of it, and goes on until it is killed.
/// </summary>
internal static class JournalWriter
{
    public const string FolderVariable = "UFFD_JOURNAL_WRITER_FOLDER";
    public const string JournaledVariable = "UFFD_JOURNAL_WRITER_JOURNALED";

    private const int Page = PackedPages.Page;
    private const int Pages = 64;

    public static ulong Length => Pages * Page;

    /// <summary>Which round all of the pages are of, or -1 when they are a mix.</summary>
    public static long RoundOf(byte[] content)
    {
        long round = BinaryPrimitives.ReadInt64LittleEndian(content);
        for (int page = 0; page < Pages; page++)
        {
            if (!content.AsSpan(page * Page, Page).SequenceEqual(Content(page, round)))
            {
                return -1;
            }
        }

        return round;
    }

    /// <summary>Before anything of xunit's: takes the program's place.</summary>
    [ModuleInitializer]
    internal static void TakeOver()
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } folder)
        {
            Run(folder, string.Equals(Environment.GetEnvironmentVariable(JournaledVariable), "1", StringComparison.Ordinal));
            Environment.Exit(0);
        }
    }

    private static void Run(string folder, bool journaled)
    {
        IPageStore store = new PlainFileStore(Path.Combine(folder, "store"), Length);
        if (journaled)
        {
            store = new JournaledPageStore(store, Path.Combine(folder, "journal"));
        }

        byte[] first = new byte[Page];
        store.Read(0, first);
        var random = new Random();
        int[] order = [.. Enumerable.Range(0, Pages), .. Enumerable.Range(0, Pages / 4)];
        long end = Environment.TickCount64 + (long)TestTime.Scaled(TimeSpan.FromSeconds(20)).TotalMilliseconds; // should nobody kill it
        using Stream output = Console.OpenStandardOutput();
        bool begun = false;
        for (long round = BinaryPrimitives.ReadInt64LittleEndian(first) + 1; Environment.TickCount64 < end; round++)
        {
            random.Shuffle(order);
            foreach (int page in order)
            {
                store.Write((ulong)(page * Page), Content(page, round));
            }

            store.Flush();
            output.Write(System.Text.Encoding.ASCII.GetBytes($"{(begun ? "" : "begins\n")}{round}.\n"));
            begun = true; // all that it does has been compiled: from here on it is quick
        }
    }

    /// <summary>A page of a round; all are zeros before the first.</summary>
    private static byte[] Content(int page, long round)
    {
        byte[] bytes = new byte[Page];
        for (int at = 0; at < Page && round > 0; at += 16)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), round);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 8), page);
        }

        return bytes;
    }
}
