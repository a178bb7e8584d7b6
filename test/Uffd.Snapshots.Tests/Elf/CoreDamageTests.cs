using System.Diagnostics;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>A core is not trusted: whatever its headers and notes say, it is read, or refused in one line, soon and within bounds.</summary>
public sealed class CoreDamageTests : IDisposable
{
    private const ulong Base = 0x5500_0000_0000;
    private const int MostAllocated = 32 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_flipped_byte_of_header_and_notes_is_read_or_refused()
    {
        (string path, int tables) = WriteSmall();
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        int refused = 0;
        byte[] one = new byte[1];
        for (int offset = 0; offset < tables; offset++)
        {
            foreach (byte mask in (ReadOnlySpan<byte>)[0x01, 0x80, 0xff])
            {
                RandomAccess.Read(file, one, offset);
                byte before = one[0];
                one[0] ^= mask;
                RandomAccess.Write(file, one, offset);
                refused += IsRefused(path) ? 1 : 0;
                one[0] = before;
                RandomAccess.Write(file, one, offset);
            }
        }

        Assert.InRange(refused, 500, tables * 3);
        Assert.False(IsRefused(path));
    }

    [Fact]
    public void Random_headers_are_refused()
    {
        (string path, int tables) = WriteSmall();
        byte[] original = File.ReadAllBytes(path);
        var random = new Random(7);
        for (int round = 0; round < 1500; round++)
        {
            byte[] damaged = (byte[])original.Clone();
            for (int change = 0; change < 1 + (round % 6); change++)
            {
                byte[] interesting = round % 2 == 0 ? [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f] : [0, 0, 0, 0, 0, 0, 0, (byte)random.Next(256)];
                interesting.AsSpan(0, 1 << random.Next(4)).CopyTo(damaged.AsSpan(random.Next(tables - 8)));
            }

            File.WriteAllBytes(path, damaged);
            IsRefused(path);
        }
    }

    [Fact]
    public void Cut_core_is_found()
    {
        (string path, int tables) = WriteSmall();
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        long whole = RandomAccess.GetLength(file);
        foreach (long length in Enumerable.Range(0, 40).Select(step => whole - 1 - (step * 511L)).Concat(Enumerable.Range(0, tables / 16).Select(step => step * 16L)))
        {
            RandomAccess.SetLength(file, length);
            Assert.Contains(path, Assert.Throws<InvalidDataException>(() => ElfCore.Open(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Core_that_is_cut_while_it_is_open_is_found_when_it_is_read()
    {
        (string path, int _) = WriteSmall();
        using ElfCore core = ElfCore.Open(path);
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            RandomAccess.SetLength(file, 1 << 20);
        }

        Assert.Throws<InvalidDataException>(() => core.Read(Base, new byte[Regions.Page]));
    }

    [Fact]
    public void What_is_no_core_is_refused()
    {
        File.WriteAllText(_folder.File("text"), new string('x', 1000));
        Assert.Throws<InvalidDataException>(() => ElfCore.Open(_folder.File("text")));
        Assert.Throws<InvalidDataException>(() => ElfCore.Open("/proc/self/exe"));
        Assert.Throws<FileNotFoundException>(() => ElfCore.Open(_folder.File("nothing")));
        Assert.ThrowsAny<IOException>(() => ElfCore.Open(_folder.Path));
    }

    private static bool IsRefused(string path)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        long started = Stopwatch.GetTimestamp();
        bool refused = false;
        try
        {
            using ElfCore core = ElfCore.Open(path);
            byte[] page = new byte[Regions.Page];
            foreach (SnapshotRegion region in core.State.Regions)
            {
                foreach (SnapshotRun run in core.GetRuns(region.Mapping.Range).Take(1000))
                {
                    Touch(core, run, page);
                }
            }
        }
        catch (InvalidDataException)
        {
            refused = true;
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, MostAllocated);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TestTime.Scaled(TimeSpan.FromSeconds(10)));
        return refused;
    }

    private static void Touch(ElfCore core, SnapshotRun run, byte[] page)
    {
        if (run.Kind is SnapshotPageKind.Stored or SnapshotPageKind.Zero)
        {
            core.Read(run.Range.Start, page.AsSpan(0, (int)Math.Min((ulong)page.Length, run.Range.Length)));
        }
    }

    private (string Path, int Tables) WriteSmall()
    {
        string path = _folder.File("core");
        using ElfCoreWriter writer = Regions.Writer(path);
        writer.Write(Base, Regions.Pages(1, 0, 2));
        writer.Write(Base + (9 * Regions.Page), Regions.Pages(5));
        long pages = writer.StoredBytes;
        ProcessState state = Regions.State(Regions.Of(Base, 4), Regions.Of(Base + (8 * Regions.Page), 4, RegionContent.Changed, "/a/file"), Regions.Of(Base + (20 * Regions.Page), 1, RegionContent.None));
        writer.Complete(state with { Threads = [.. state.Threads.Select(thread => thread with { Extended = thread.Extended[..64] })] });
        return (path, (int)(writer.StoredBytes - pages));
    }
}
