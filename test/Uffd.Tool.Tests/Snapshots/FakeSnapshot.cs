using Uffd.Processes;
using Uffd.Snapshots;

namespace Uffd.Tool.Tests.Snapshots;

/// <summary>A snapshot of four mappings: a program's (changed pages only), a heap, shared memory that is not kept, and a stack. A stored page is filled with its number's low byte.</summary>
internal sealed class FakeSnapshot : ISnapshot
{
    public const ulong Page = 4096;

    public static readonly AddressRange Program = new(0x400000, 4 * Page);
    public static readonly AddressRange Heap = new(0x10000000, 600 * Page);
    public static readonly AddressRange Shared = new(0x20000000, 2 * Page);
    public static readonly AddressRange Stack = new(0x7ffc00000000, 3 * Page);

    /// <summary>A page that is damaged, or none.</summary>
    public ulong Damaged { get; init; }

    public string Format { get; init; } = "image";

    public IReadOnlyList<string> Parents { get; init; } = ["/tmp/mon.image"];

    public ProcessState State { get; init; } = new()
    {
        ProcessId = 42,
        ParentProcessId = 1,
        UserId = 1000,
        Name = "re\u001b[31mdis",
        Executable = "/usr/bin/redis\n",
        Arguments = ["redis", "--port", "6379"],
        Architecture = System.Runtime.InteropServices.Architecture.X64,
        KernelRelease = "6.18.0",
        PageSize = (int)Page,
        Taken = new DateTimeOffset(2026, 5, 4, 3, 2, 1, TimeSpan.Zero),
        Threads = [new Uffd.Snapshots.ThreadState { ThreadId = 42, Name = "main", General = default }, new Uffd.Snapshots.ThreadState { ThreadId = 43, Name = "io", General = default }],
        Regions =
        [
            Region(Program, RegionPermissions.Read | RegionPermissions.Execute, "/usr/bin/redis", RegionContent.Changed, 9),
            Region(Heap, RegionPermissions.Read | RegionPermissions.Write, "[heap]", RegionContent.Whole),
            Region(Shared, RegionPermissions.Read | RegionPermissions.Shared, "/dev/shm/\u202ex (deleted)", RegionContent.None, 7),
            Region(Stack, RegionPermissions.Read | RegionPermissions.Write, "[stack]", RegionContent.Whole),
        ],
    };

    public IEnumerable<SnapshotRun> GetRuns(AddressRange range) => range switch
    {
        _ when range == Program => [Run(range, 0, 1, SnapshotPageKind.File), Run(range, 1, 1, SnapshotPageKind.Stored), Run(range, 2, 1, SnapshotPageKind.Zero), Run(range, 3, 1, SnapshotPageKind.File)],
        _ when range == Heap => [Run(range, 0, 300, SnapshotPageKind.Stored), Run(range, 300, 100, SnapshotPageKind.Zero), Run(range, 400, 200, SnapshotPageKind.Parent)],
        _ when range == Stack => [Run(range, 0, 2, SnapshotPageKind.Zero), Run(range, 2, 1, SnapshotPageKind.Stored)],
        _ => [Run(range, 0, range.Length / Page, SnapshotPageKind.Absent)],
    };

    public void Read(ulong address, Span<byte> destination)
    {
        for (int at = 0; at < destination.Length; at += (int)Page)
        {
            ulong page = address + (ulong)at;
            AddressRange? region = State.Regions.FirstOrDefault(one => one.Content != RegionContent.None && one.Mapping.Range.Contains(page))?.Mapping.Range;
            if (region is not { } known)
            {
                throw new EndOfStreamException();
            }

            SnapshotPageKind kind = GetRuns(known).Single(run => run.Range.Contains(page)).Kind;
            if (page == Damaged)
            {
                throw new InvalidDataException($"the page at {page:x} is damaged");
            }

            destination.Slice(at, Math.Min((int)Page, destination.Length - at)).Fill(kind is SnapshotPageKind.Stored or SnapshotPageKind.Parent ? (byte)(page / Page & 0xFF) : (byte)0);
        }
    }

    public void Dispose()
    {
    }

    private static SnapshotRun Run(AddressRange range, ulong page, ulong pages, SnapshotPageKind kind) => new(new AddressRange(range.Start + (page * Page), pages * Page), kind);

    private static SnapshotRegion Region(AddressRange range, RegionPermissions permissions, string name, RegionContent content, ulong inode = 0)
        => new(new MappedRegion(range, permissions, 0, 0, inode, name), content);
}
