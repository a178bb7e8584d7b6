using System.Globalization;

namespace Uffd.Testing;

/// <summary>Huge pages of 2 MiB that were added to the kernel's pool for a while.</summary>
internal sealed class HugePageReservation : IDisposable
{
    private const string Pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

    private int _count;

    private HugePageReservation(int count) => _count = count;

    public static HugePageReservation? TryReserve(int count)
    {
        if (!File.Exists(Pool))
        {
            return null;
        }

        using FileStream held = Lock();
        int before = Read();
        Write(before + count);
        if (Read() >= before + count)
        {
            return new HugePageReservation(count);
        }

        Write(before);
        return null;
    }

    public void Dispose()
    {
        int count = Interlocked.Exchange(ref _count, 0);
        if (count > 0)
        {
            using FileStream held = Lock();
            Write(Math.Max(0, Read() - count));
        }
    }

    private static int Read() => int.Parse(File.ReadAllText(Pool), CultureInfo.InvariantCulture);

    private static void Write(int count) => File.WriteAllText(Pool, count.ToString(CultureInfo.InvariantCulture));

    /// <summary>Reading and writing the pool's size is one step among all the processes that test.</summary>
    private static FileStream Lock()
    {
        string path = Path.Combine(Path.GetTempPath(), "uffd-tests-hugepages.lock");
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                Thread.Sleep(1); // another process has it, for microseconds
            }
        }
    }
}
