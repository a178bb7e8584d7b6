using System.Buffers.Binary;

namespace Uffd.Snapshots;

/// <summary>The ELF header, the program headers and the notes of a core: what lies around its pages.</summary>
internal static class CoreTables
{
    /// <summary>
    /// Room at the beginning for program headers and notes, a hole where it is not used. They lie there, as tools that read only the beginning of a file
    /// expect; where they need more, they lie behind the pages, as ELF allows.
    /// </summary>
    public const ulong Reserved = 1 << 20;

    /// <summary>Makes the tables.</summary>
    /// <param name="state">The process.</param>
    /// <param name="segments">Its pages.</param>
    /// <param name="contentEnd">Where the pages end in the file.</param>
    /// <returns>The header, which goes to the file's beginning, and the rest and where it goes.</returns>
    public static (byte[] Header, byte[] Tables, ulong Offset) Make(ProcessState state, List<CoreSegment> segments, ulong contentEnd)
    {
        ReadOnlyMemory<byte> notes = CoreNotes.Write(state, CoreFileNote.Cut(state.Regions, segments));
        long headers = segments.Count + 1L;
        bool isExtended = headers >= ElfAbi.ExtendedNumbering;
        int headersLength = checked((int)(headers * ElfAbi.ProgramHeaderLength));
        int sectionLength = isExtended ? ElfAbi.SectionHeaderLength : 0;
        byte[] tables = new byte[checked(headersLength + sectionLength + notes.Length)];
        ulong offset = ElfAbi.HeaderLength + (ulong)tables.Length <= Reserved ? ElfAbi.HeaderLength : contentEnd;

        Span<byte> rest = tables;
        ulong notesOffset = offset + (ulong)headersLength + (ulong)sectionLength;
        WriteProgramHeader(rest, ElfAbi.SegmentNote, new CoreSegment(0, 0, notesOffset, (ulong)notes.Length, 0), alignment: 4);
        rest = rest[ElfAbi.ProgramHeaderLength..];
        foreach (CoreSegment segment in segments)
        {
            // A segment of which nothing is in the file has a place all the same: readelf wants offset and address to agree.
            WriteProgramHeader(rest, ElfAbi.SegmentLoad, segment.FileLength == 0 ? segment with { Offset = Reserved } : segment, (ulong)state.PageSize);
            rest = rest[ElfAbi.ProgramHeaderLength..];
        }

        if (isExtended)
        {
            WriteSectionHeader(rest, (uint)headers);
            rest = rest[ElfAbi.SectionHeaderLength..];
        }

        notes.Span.CopyTo(rest);
        byte[] header = MakeHeader(state, offset, isExtended ? ElfAbi.ExtendedNumbering : (ushort)headers, isExtended ? offset + (ulong)headersLength : 0);
        return (header, tables, offset);
    }

    private static byte[] MakeHeader(ProcessState state, ulong programHeaders, ushort count, ulong sectionHeader)
    {
        byte[] header = new byte[ElfAbi.HeaderLength];
        Span<byte> span = header;
        "\u007fELF"u8.CopyTo(span);
        span[4] = 2; // ELFCLASS64
        span[5] = 1; // ELFDATA2LSB
        span[6] = 1; // EV_CURRENT
        BinaryPrimitives.WriteUInt16LittleEndian(span[16..], ElfAbi.TypeCore);
        BinaryPrimitives.WriteUInt16LittleEndian(span[18..], ElfAbi.Machine(state.Architecture));
        BinaryPrimitives.WriteUInt32LittleEndian(span[20..], 1); // e_version
        BinaryPrimitives.WriteUInt64LittleEndian(span[32..], programHeaders); // e_phoff
        BinaryPrimitives.WriteUInt64LittleEndian(span[40..], sectionHeader); // e_shoff
        BinaryPrimitives.WriteUInt16LittleEndian(span[52..], ElfAbi.HeaderLength); // e_ehsize
        BinaryPrimitives.WriteUInt16LittleEndian(span[54..], ElfAbi.ProgramHeaderLength); // e_phentsize
        BinaryPrimitives.WriteUInt16LittleEndian(span[56..], count); // e_phnum
        if (sectionHeader != 0)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(span[58..], ElfAbi.SectionHeaderLength); // e_shentsize
            BinaryPrimitives.WriteUInt16LittleEndian(span[60..], 1); // e_shnum
        }

        return header;
    }

    private static void WriteProgramHeader(Span<byte> destination, uint type, CoreSegment segment, ulong alignment)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, type);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], segment.Flags);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], segment.Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], segment.Start); // p_vaddr; p_paddr stays 0
        BinaryPrimitives.WriteUInt64LittleEndian(destination[32..], segment.FileLength);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[40..], segment.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[48..], alignment);
    }

    /// <summary>Section header 0 of a core with more program headers than e_phnum can tell (fill_extnum_info of the kernel).</summary>
    private static void WriteSectionHeader(Span<byte> destination, uint count)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination[32..], 1); // sh_size: the number of section headers
        BinaryPrimitives.WriteUInt32LittleEndian(destination[44..], count); // sh_info
    }
}
