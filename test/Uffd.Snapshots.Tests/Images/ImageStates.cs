using System.Buffers.Binary;
using System.Globalization;
using Uffd.Processes;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>Processes and pages as tests make them up.</summary>
internal static class ImageStates
{
    public const int Page = 4096;

    public const ulong Base = 0x7f00_0000_0000;

    /// <summary>The address of a page of the tests' mapping.</summary>
    public static ulong At(int page) => Base + ((ulong)page * Page);

    public static AddressRange Pages(int first, int count) => new(At(first), (ulong)count * Page);

    public static SnapshotRegion Region(int first, int count, RegionContent content = RegionContent.Whole, string name = "")
        => new(new MappedRegion(Pages(first, count), RegionPermissions.Read | RegionPermissions.Write, 0, 0, 0, name), content);

    public static ProcessState State(params IReadOnlyList<SnapshotRegion> regions) => new()
    {
        ProcessId = 42,
        Name = "tester",
        PageSize = Page,
        Taken = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)),
        Threads = [new ThreadState { ThreadId = 42, Name = "tester", General = Bytes(216, 1), FloatingPoint = Bytes(512, 2), Extended = Bytes(2696, 3), SignalInformation = new byte[128] }],
        Regions = regions,
    };

    /// <summary>A process of which every field is something.</summary>
    public static ProcessState Full() => State(Region(0, 4, RegionContent.Whole, "[heap]"), Region(8, 2, RegionContent.Changed, "/usr/lib/é \"x\".so"), Region(16, 1, RegionContent.None, "[vvar]")) with
    {
        ParentProcessId = 1,
        ProcessGroup = 40,
        Session = 39,
        UserId = 1000,
        GroupId = uint.MaxValue,
        State = 'S',
        Nice = -20,
        KernelFlags = ulong.MaxValue,
        Arguments = ["tester", "", "--ünicode", new string('x', 5000)],
        Executable = "/usr/bin/tester (deleted)",
        AuxiliaryVector = Bytes(320, 4),
        KernelRelease = "6.18.0-test",
        Threads =
        [
            .. Enumerable.Range(0, 70).Select(index => new ThreadState
            {
                ThreadId = 42 + index,
                Name = string.Create(CultureInfo.InvariantCulture, $"worker {index}"),
                General = Bytes(216, index),
                FloatingPoint = index % 3 == 0 ? default : Bytes(512, index),
                Extended = index % 2 == 0 ? default : Bytes(2696, index),
                SignalInformation = index % 5 == 0 ? default : Bytes(128, index),
                PendingSignals = (ulong)index,
                BlockedSignals = ulong.MaxValue - (ulong)index,
                UserTime = TimeSpan.FromTicks(index * 12345L),
                SystemTime = TimeSpan.FromHours(index),
            }),
        ],
    };

    /// <summary>Bytes that do not compress, the same for the same seed.</summary>
    public static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Pages of which half compresses, none zeros, each known by its seed.</summary>
    public static byte[] Content(int pages, int seed)
    {
        byte[] bytes = Bytes(pages * Page, seed);
        for (int page = 0; page < pages; page++)
        {
            Span<byte> one = bytes.AsSpan(page * Page, Page);
            one[(Page / 2)..].Fill(unchecked((byte)(seed + page)));
            BinaryPrimitives.WriteInt32LittleEndian(one, seed);
            one[8] |= 1;
        }

        return bytes;
    }

    /// <summary>Writes an image of one region from page 0.</summary>
    public static string Write(string path, int pages, SnapshotImageOptions options, params IEnumerable<(int Page, byte[] Content)> writes)
    {
        using var writer = SnapshotImageWriter.Create(path, options);
        foreach ((int page, byte[] content) in writes)
        {
            writer.Write(At(page), content);
        }

        writer.Complete(State(Region(0, pages)));
        return path;
    }

    public static byte[] Read(ISnapshot snapshot, int page, int count = 1)
    {
        byte[] bytes = Bytes(count * Page, seed: -1);
        snapshot.Read(At(page), bytes);
        return bytes;
    }
}
