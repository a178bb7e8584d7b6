using System.Buffers.Binary;
using System.Text;

namespace Uffd.Snapshots;

/// <summary>A mapping of a file, as NT_FILE tells it.</summary>
/// <param name="Range">The addresses.</param>
/// <param name="Offset">Where in the file, in bytes.</param>
/// <param name="Name">Its path.</param>
internal readonly record struct CoreFileMapping(AddressRange Range, ulong Offset, string Name);

/// <summary>
/// The note NT_FILE (fs/binfmt_elf.c, fill_files_note): count, page size, then start, end and offset in pages of each mapping of a file, then their names.
/// </summary>
internal static class CoreFileNote
{
    private const int Word = sizeof(ulong);
    private const int HeadLength = 2 * Word;
    private const int EntryLength = 3 * Word;

    /// <summary>Makes the note, empty where no file is mapped.</summary>
    public static byte[] Write(IReadOnlyList<SnapshotRegion> regions, int pageSize)
    {
        (Uffd.Processes.MappedRegion Mapping, byte[] Name)[] files =
        [
            .. regions.Select(region => region.Mapping)
                .Where(mapping => mapping.Name.Length > 0 && (mapping.IsFile || mapping.Name[0] == '/'))
                .Select(mapping => (mapping, Encoding.UTF8.GetBytes(mapping.Name))),
        ];
        if (files.Length == 0)
        {
            return [];
        }

        byte[] note = new byte[HeadLength + (files.Length * EntryLength) + files.Sum(file => file.Name.Length + 1)];
        BinaryPrimitives.WriteUInt64LittleEndian(note, (ulong)files.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(note.AsSpan(Word), (ulong)pageSize);
        Span<byte> entry = note.AsSpan(HeadLength);
        Span<byte> names = note.AsSpan(HeadLength + (files.Length * EntryLength));
        foreach ((Uffd.Processes.MappedRegion mapping, byte[] name) in files)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(entry, mapping.Range.Start);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[Word..], mapping.Range.End);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[(2 * Word)..], mapping.Offset / (ulong)pageSize);
            entry = entry[EntryLength..];
            name.CopyTo(names);
            names = names[(name.Length + 1)..];
        }

        return note;
    }

    /// <summary>Reads the note.</summary>
    /// <returns>The mappings in order of address.</returns>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static (IReadOnlyList<CoreFileMapping> Files, ulong PageSize) Read(ReadOnlySpan<byte> note)
    {
        if (note.Length < HeadLength)
        {
            throw new InvalidDataException("the list of mapped files (NT_FILE) is cut");
        }

        ulong count = BinaryPrimitives.ReadUInt64LittleEndian(note);
        ulong pageSize = BinaryPrimitives.ReadUInt64LittleEndian(note[Word..]);
        if (count > (ulong)(note.Length - HeadLength) / (EntryLength + 1))
        {
            throw new InvalidDataException($"the list of mapped files (NT_FILE) tells of {count} files, more than it has room for");
        }

        if (pageSize is < 1024 or > 1 << 30 || (pageSize & (pageSize - 1)) != 0)
        {
            throw new InvalidDataException($"the list of mapped files (NT_FILE) tells pages of {pageSize} bytes");
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
            if (start < end || last <= start || length < 0 || offset > ulong.MaxValue / pageSize || last - start > ulong.MaxValue - (offset * pageSize))
            {
                throw new InvalidDataException($"the list of mapped files (NT_FILE) is damaged at entry {index}");
            }

            files.Add(new CoreFileMapping(AddressRange.FromBounds(start, last), offset * pageSize, Encoding.UTF8.GetString(names[..length])));
            names = names[(length + 1)..];
            end = last;
        }

        return (files, pageSize);
    }
}
