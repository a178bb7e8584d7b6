using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>The regions of a process as a core tells them: program headers, and the names and offsets of NT_FILE.</summary>
internal static class CoreRegions
{
    private const string Deleted = " (deleted)";

    /// <summary>Makes the regions. Pieces that one mapping of a file was cut into are one region again.</summary>
    public static IReadOnlyList<SnapshotRegion> Build(IReadOnlyList<CoreSegment> loads, CoreNoteContent notes)
    {
        var regions = new List<SnapshotRegion>(loads.Count);
        int file = 0;
        for (int first = 0; first < loads.Count;)
        {
            CoreSegment load = loads[first];
            while (file < notes.Files.Count && notes.Files[file].Range.End <= load.Start)
            {
                file++;
            }

            bool isFile = file < notes.Files.Count && notes.Files[file].Range.Contains(new AddressRange(load.Start, load.Length));
            int behind = first + 1;
            while (isFile && behind < loads.Count && Continues(loads[behind - 1], loads[behind], notes.Files[file].Range))
            {
                behind++;
            }

            AddressRange range = AddressRange.FromBounds(load.Start, loads[behind - 1].End);
            bool isWhole = true;
            bool isEmpty = true;
            for (; first < behind; first++)
            {
                isWhole &= loads[first].FileLength == loads[first].Length;
                isEmpty &= loads[first].FileLength == 0;
            }

            regions.Add(isFile ? OfFile(range, load.Flags, notes.Files[file], isWhole, isEmpty) : Anonymous(range, load.Flags, notes.Process, isEmpty));
        }

        return regions;
    }

    /// <summary>
    /// Whether a core's pages that it does not hold can be read in the file that is mapped there: not where it was deleted, or is a device.
    /// </summary>
    private static bool CanBeRead(string name)
        => name.StartsWith('/') && !name.EndsWith(Deleted, StringComparison.Ordinal) && !name.StartsWith("/dev/", StringComparison.Ordinal);

    private static bool Continues(CoreSegment before, CoreSegment next, AddressRange file)
        => next.Start == before.End && next.Flags == before.Flags && next.End <= file.End;

    private static SnapshotRegion OfFile(AddressRange range, uint flags, CoreFileMapping file, bool isWhole, bool isEmpty)
    {
        RegionContent content = isWhole ? RegionContent.Whole
            : CanBeRead(file.Name) ? RegionContent.Changed
            : isEmpty ? RegionContent.None
            : RegionContent.Changed;
        return new SnapshotRegion(new MappedRegion(range, PermissionsOf(flags), file.Offset + (range.Start - file.Range.Start), Device: 0, Inode: 0, file.Name), content);
    }

    private static SnapshotRegion Anonymous(AddressRange range, uint flags, ProcessState process, bool isEmpty)
    {
        ReadOnlySpan<byte> auxiliary = process.AuxiliaryVector.Span;
        string name = CoreAuxiliary.Find(auxiliary, ElfAbi.AuxiliaryVdso) == range.Start ? "[vdso]"
            : CoreAuxiliary.Find(auxiliary, ElfAbi.AuxiliaryRandom) is { } onStack && range.Contains(onStack) ? "[stack]"
            : "";
        return new SnapshotRegion(
            new MappedRegion(range, PermissionsOf(flags), Offset: 0, Device: 0, Inode: 0, name),
            isEmpty ? RegionContent.None : RegionContent.Whole);
    }

    private static RegionPermissions PermissionsOf(uint flags)
        => ((flags & ElfAbi.FlagRead) != 0 ? RegionPermissions.Read : 0)
            | ((flags & ElfAbi.FlagWrite) != 0 ? RegionPermissions.Write : 0)
            | ((flags & ElfAbi.FlagExecute) != 0 ? RegionPermissions.Execute : 0);
}
