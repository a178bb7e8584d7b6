using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Uffd.Processes;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>
/// Writes the core of a stopped process in the plainest way: what the kernel's own core would hold with all of its filter's bits for memory of the
/// process's own and shared memory, read page by page through /proc/PID/mem.
/// </summary>
internal static class LiveCore
{
    private const ulong EntriesAtOnce = 8192;
    private const ulong Present = 1UL << 63;
    private const ulong Swapped = 1UL << 62;
    private const ulong OfFile = 1UL << 61; // or shared anonymous

    /// <summary>Writes it.</summary>
    /// <param name="processId">The process, which stands.</param>
    /// <param name="sink">Where to.</param>
    /// <param name="folder">For what is between.</param>
    /// <param name="withFiles">Whether mappings of files are kept whole, as with bits 2 and 3 of the filter.</param>
    /// <param name="change">What is to be another way than it is.</param>
    public static void Write(int processId, ISnapshotSink sink, TemporaryFolder folder, bool withFiles = false, Func<ProcessState, ProcessState>? change = null)
    {
        using SafeFileHandle memory = File.OpenHandle($"/proc/{processId}/mem");
        using SafeFileHandle pagemap = File.OpenHandle($"/proc/{processId}/pagemap");
        var regions = new List<SnapshotRegion>();
        foreach (MappedRegion mapping in ProcMaps.Read(processId))
        {
            RegionContent content = ContentOf(mapping, withFiles);
            regions.Add(new SnapshotRegion(mapping, content));
            if (content != RegionContent.None)
            {
                sink.Expect(mapping.Range);
                Copy(memory, pagemap, mapping, content, sink);
            }
        }

        ProcessState state = ProcState.Read(processId, folder, regions);
        sink.Complete(change is null ? state : change(state));
    }

    private static RegionContent ContentOf(MappedRegion mapping, bool withFiles) => mapping switch
    {
        { Name: "[vvar]" or "[vvar_vclock]" or "[vsyscall]" } => RegionContent.None,
        { IsFile: true } when withFiles && mapping.Permissions.HasFlag(RegionPermissions.Read) => RegionContent.Whole,
        { IsFile: true, IsShared: false } => RegionContent.Changed,
        { IsFile: true } when !mapping.Name.EndsWith("(deleted)", StringComparison.Ordinal) => RegionContent.None,
        _ => RegionContent.Whole,
    };

    private static void Copy(SafeFileHandle memory, SafeFileHandle pagemap, MappedRegion mapping, RegionContent content, ISnapshotSink sink)
    {
        ulong page = (ulong)Environment.SystemPageSize;
        byte[] buffer = new byte[page];
        byte[] entries = new byte[EntriesAtOnce * sizeof(ulong)];
        for (ulong first = mapping.Range.Start; first < mapping.Range.End; first += EntriesAtOnce * page)
        {
            int count = (int)Math.Min(EntriesAtOnce, (mapping.Range.End - first) / page);
            Span<byte> batch = entries.AsSpan(0, count * sizeof(ulong));
            batch.Clear();
            RandomAccess.Read(pagemap, batch, (long)(first / page * sizeof(ulong)));
            for (int index = 0; index < count; index++)
            {
                ulong address = first + ((ulong)index * page);
                if (IsTaken(BinaryPrimitives.ReadUInt64LittleEndian(batch[(index * sizeof(ulong))..]), memory, mapping, content, address))
                {
                    if (TryRead(memory, address, buffer) || !mapping.IsFile)
                    {
                        sink.Write(address, buffer);
                    }
                }
            }
        }
    }

    private static bool IsTaken(ulong entry, SafeFileHandle memory, MappedRegion mapping, RegionContent content, ulong address)
    {
        bool isThere = (entry & (Present | Swapped)) != 0;
        if (content == RegionContent.Whole)
        {
            return isThere || mapping.IsFile || mapping.Name is "[vdso]"; // of which pagemap tells only what was touched
        }

        bool isHeader = address == mapping.Range.Start && mapping.Offset == 0 && mapping.Permissions.HasFlag(RegionPermissions.Read);
        return (isThere && (entry & OfFile) == 0) || (isHeader && IsElf(memory, address));
    }

    /// <returns>False behind the end of a mapped file.</returns>
    private static bool TryRead(SafeFileHandle memory, ulong address, byte[] buffer)
    {
        try
        {
            return RandomAccess.Read(memory, buffer, (long)address) == buffer.Length;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static bool IsElf(SafeFileHandle memory, ulong address)
    {
        byte[] magic = new byte[4];
        return RandomAccess.Read(memory, magic, (long)address) == 4 && magic.AsSpan().SequenceEqual("\u007fELF"u8);
    }
}
