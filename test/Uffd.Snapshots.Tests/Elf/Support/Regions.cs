using Uffd.Processes;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>Regions and states that are made up.</summary>
internal static class Regions
{
    public const ulong Page = 4096;

    public static SnapshotRegion Of(ulong start, ulong pages, RegionContent content = RegionContent.Whole, string name = "")
        => new(
            new MappedRegion(new AddressRange(start, pages * Page), RegionPermissions.Read | RegionPermissions.Write, Offset: 0, Device: 0, Inode: name.Length > 0 ? 1UL : 0, name),
            content);

    public static ProcessState State(params IReadOnlyList<SnapshotRegion> regions) => new()
    {
        ProcessId = 4711,
        ParentProcessId = 12,
        ProcessGroup = 4711,
        Session = 99,
        UserId = 1000,
        GroupId = 1001,
        State = 'S',
        Nice = -5,
        KernelFlags = 0x400000,
        Name = "made-up",
        Arguments = ["made-up", "--of", "nothing"],
        AuxiliaryVector = new byte[32],
        Architecture = System.Runtime.InteropServices.Architecture.X64,
        PageSize = (int)Page,
        Threads = [Thread(4711), Thread(4712) with { UserTime = TimeSpan.FromMicroseconds(3_000_007), PendingSignals = 4, BlockedSignals = 0x8000_0000_0000_0002 }],
        Regions = regions,
    };

    public static ThreadState Thread(int id)
    {
        byte[] registers = new byte[216];
        byte[] floating = new byte[512];
        byte[] extended = new byte[2696];
        var random = new Random(id);
        random.NextBytes(registers);
        random.NextBytes(floating);
        random.NextBytes(extended);
        return new ThreadState { ThreadId = id, General = registers, FloatingPoint = floating, Extended = extended, SignalInformation = new byte[ThreadState.SignalInformationLength] };
    }

    /// <summary>Pages of one value each; 0 is a page of zeros.</summary>
    public static byte[] Pages(params byte[] values)
    {
        byte[] pages = new byte[values.Length * (int)Page];
        for (int index = 0; index < values.Length; index++)
        {
            pages.AsSpan(index * (int)Page, (int)Page).Fill(values[index]);
        }

        return pages;
    }

    public static ElfCoreWriter Writer(string path) => ElfCoreWriter.Create(path, new SnapshotFileOptions { Durable = false }, (int)Page);
}
