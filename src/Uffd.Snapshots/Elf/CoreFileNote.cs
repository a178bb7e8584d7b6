using System.Buffers.Binary;
using System.Text;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>A mapping of a file, as NT_FILE tells it.</summary>
/// <param name="Range">The addresses.</param>
/// <param name="Offset">Where in the file, in bytes.</param>
/// <param name="Name">Its path.</param>
internal readonly record struct CoreFileMapping(AddressRange Range, ulong Offset, string Name);

/// <summary>
/// The note NT_FILE (fs/binfmt_elf.c, fill_files_note): count, unit of offsets (the page size; 1 of gcore), then start, end and offset of each mapping of a
/// file, then their names.
/// </summary>
internal static class CoreFileNote
{
    private const int Word = sizeof(ulong);
    private const int HeadLength = 2 * Word;
    private const int EntryLength = 3 * Word;

    /// <summary>
    /// The mappings of files, cut where pages begin and end that the core holds itself: gdb answers a read that begins in one entry from that entry's file up
    /// to its end, also for pages that the core has otherwise (measured with gdb 13).
    /// </summary>
    public static List<CoreFileMapping> Cut(IReadOnlyList<SnapshotRegion> regions, List<CoreSegment> segments)
    {
        var files = new List<CoreFileMapping>();
        int index = 0;
        foreach (MappedRegion mapping in regions.Select(region => region.Mapping))
        {
            bool isFile = mapping.Name.Length > 0 && (mapping.IsFile || mapping.Name[0] == '/');
            ulong start = mapping.Range.Start;
            for (; index < segments.Count && segments[index].Start < mapping.Range.End; index++)
            {
                CoreSegment segment = segments[index];
                foreach (ulong end in (ReadOnlySpan<ulong>)[segment.Start + segment.FileLength, segment.End])
                {
                    if (isFile && end > start)
                    {
                        files.Add(new CoreFileMapping(AddressRange.FromBounds(start, end), mapping.Offset + (start - mapping.Range.Start), mapping.Name));
                        start = end;
                    }
                }
            }
        }

        return files;
    }

    /// <summary>Makes the note, empty where no file is mapped.</summary>
    public static byte[] Write(List<CoreFileMapping> files, int pageSize)
    {
        if (files.Count == 0)
        {
            return [];
        }

        byte[] note = new byte[HeadLength + (files.Count * EntryLength) + files.Sum(file => Encoding.UTF8.GetByteCount(file.Name) + 1)];
        BinaryPrimitives.WriteUInt64LittleEndian(note, (ulong)files.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(note.AsSpan(Word), (ulong)pageSize);
        Span<byte> entry = note.AsSpan(HeadLength);
        Span<byte> names = note.AsSpan(HeadLength + (files.Count * EntryLength));
        foreach (CoreFileMapping file in files)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(entry, file.Range.Start);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[Word..], file.Range.End);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[(2 * Word)..], file.Offset / (ulong)pageSize);
            entry = entry[EntryLength..];
            names = names[(Encoding.UTF8.GetBytes(file.Name, names) + 1)..];
        }

        return note;
    }

    /// <summary>Reads the note.</summary>
    /// <returns>The mappings in order of address; entries that continue each other are one.</returns>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static IReadOnlyList<CoreFileMapping> Read(ReadOnlySpan<byte> note)
    {
        if (note.Length < HeadLength)
        {
            throw new InvalidDataException("the list of mapped files (NT_FILE) is cut");
        }

        ulong count = BinaryPrimitives.ReadUInt64LittleEndian(note);
        ulong unit = BinaryPrimitives.ReadUInt64LittleEndian(note[Word..]);
        if (count > (ulong)(note.Length - HeadLength) / (EntryLength + 1))
        {
            throw new InvalidDataException($"the list of mapped files (NT_FILE) tells of {count} files, more than it has room for");
        }

        // gcore tells offsets in bytes: pages of one.
        if (unit is 0 or > 1 << 30 || (unit & (unit - 1)) != 0)
        {
            throw new InvalidDataException($"the list of mapped files (NT_FILE) tells offsets in units of {unit} bytes");
        }

        var files = new List<CoreFileMapping>((int)count);
        ReadOnlySpan<byte> entry = note[HeadLength..];
        ReadOnlySpan<byte> names = entry[((int)count * EntryLength)..];
        ulong end = 0;
        for (ulong index = 0; index < count; index++, entry = entry[EntryLength..])
        {
            ulong start = BinaryPrimitives.ReadUInt64LittleEndian(entry);
            ulong last = BinaryPrimitives.ReadUInt64LittleEndian(entry[Word..]);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(entry[(2 * Word)..]);
            int length = names.IndexOf((byte)0);
            if (start < end || last <= start || length < 0 || offset > ulong.MaxValue / unit || last - start > ulong.MaxValue - (offset * unit))
            {
                throw new InvalidDataException($"the list of mapped files (NT_FILE) is damaged at entry {index}");
            }

            Add(files, new CoreFileMapping(AddressRange.FromBounds(start, last), offset * unit, Encoding.UTF8.GetString(names[..length])));
            names = names[(length + 1)..];
            end = last;
        }

        return files;
    }

    private static void Add(List<CoreFileMapping> files, CoreFileMapping file)
    {
        if (files.Count > 0 && files[^1] is var before && before.Range.End == file.Range.Start && before.Offset + before.Range.Length == file.Offset
            && string.Equals(before.Name, file.Name, StringComparison.Ordinal))
        {
            files[^1] = before with { Range = AddressRange.FromBounds(before.Range.Start, file.Range.End) };
            return;
        }

        files.Add(file);
    }
}
