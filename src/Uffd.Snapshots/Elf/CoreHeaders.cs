using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Uffd.Snapshots;

/// <summary>The headers of a core file, checked: every number in them may be wrong.</summary>
/// <param name="Architecture">Its machine.</param>
/// <param name="Loads">The program headers PT_LOAD, in order of address, none overlapping another.</param>
/// <param name="Notes">Where the notes lie in the file.</param>
internal sealed record CoreHeaders(Architecture Architecture, IReadOnlyList<CoreSegment> Loads, IReadOnlyList<FileExtent> Notes)
{
    private const uint MostHeaders = 1 << 22; // 64 times what the kernel's default limit of mappings allows
    private const ulong PageSize = 4096; // the smallest there is
    private const int Batch = 1024;

    /// <summary>Reads the headers.</summary>
    /// <exception cref="InvalidDataException">It is no core file that is known here, or damaged, or cut.</exception>
    public static CoreHeaders Read(CoreFile file)
    {
        Span<byte> header = stackalloc byte[ElfAbi.HeaderLength];
        if (file.Length < ElfAbi.HeaderLength)
        {
            throw file.Damage("it is shorter than an ELF header");
        }

        file.Read(0, header);
        if (!header.StartsWith("\u007fELF"u8))
        {
            throw file.Damage("it does not begin with the ELF magic");
        }

        if (header[4] != 2 || header[5] != 1 || header[6] != 1 || BinaryPrimitives.ReadUInt32LittleEndian(header[20..]) != 1)
        {
            throw file.Damage("it is not ELF of 64 bits, little-endian, version 1");
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) is var type && type != ElfAbi.TypeCore)
        {
            throw file.Damage($"it is an ELF file of type {type}, and not a core (type {ElfAbi.TypeCore})");
        }

        Architecture architecture = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) switch
        {
            ElfAbi.MachineX64 => Architecture.X64,
            ElfAbi.MachineArm64 => Architecture.Arm64,
            ushort machine => throw file.Damage($"its machine {machine} is not known here"),
        };
        ulong start = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        uint count = CountOf(file, header);
        if (BinaryPrimitives.ReadUInt16LittleEndian(header[54..]) != ElfAbi.ProgramHeaderLength || count is 0 or > MostHeaders)
        {
            throw file.Damage($"it tells of {count} program headers");
        }

        file.ThrowIfOutside(start, (ulong)count * ElfAbi.ProgramHeaderLength, "the program headers");
        return ReadSegments(file, architecture, start, count);
    }

    private static uint CountOf(CoreFile file, ReadOnlySpan<byte> header)
    {
        ushort count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (count != ElfAbi.ExtendedNumbering)
        {
            return count;
        }

        ulong sections = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
        file.ThrowIfOutside(sections, ElfAbi.SectionHeaderLength, "section header 0, which tells the number of program headers");
        Span<byte> section = stackalloc byte[ElfAbi.SectionHeaderLength];
        file.Read(sections, section);
        return BinaryPrimitives.ReadUInt32LittleEndian(section[44..]);
    }

    private static CoreHeaders ReadSegments(CoreFile file, Architecture architecture, ulong start, uint count)
    {
        var loads = new List<CoreSegment>();
        var notes = new List<FileExtent>();
        byte[] batch = new byte[(int)Math.Min(count, Batch) * ElfAbi.ProgramHeaderLength];
        for (uint index = 0; index < count;)
        {
            int taken = (int)Math.Min(count - index, Batch);
            Span<byte> headers = batch.AsSpan(0, taken * ElfAbi.ProgramHeaderLength);
            file.Read(start + ((ulong)index * ElfAbi.ProgramHeaderLength), headers);
            for (; !headers.IsEmpty; headers = headers[ElfAbi.ProgramHeaderLength..], index++)
            {
                CoreSegment segment = Parse(headers);
                switch (BinaryPrimitives.ReadUInt32LittleEndian(headers))
                {
                    case ElfAbi.SegmentLoad:
                        CheckLoad(file, segment, index);
                        loads.Add(segment);
                        break;
                    case ElfAbi.SegmentNote:
                        file.ThrowIfOutside(segment.Offset, segment.FileLength, "the notes");
                        notes.Add(new FileExtent(segment.Offset, segment.FileLength));
                        break;
                    case 0: // PT_NULL: no core has it, and a hole in the file is full of it
                        throw file.Damage($"its program header {index} is empty");
                }
            }
        }

        loads.RemoveAll(segment => segment.Length == 0);
        loads.Sort((one, other) => one.Start.CompareTo(other.Start)); // gcore's are not always in order
        for (int index = 1; index < loads.Count; index++)
        {
            if (loads[index].Start < loads[index - 1].End)
            {
                throw file.Damage($"two of its program headers tell of the address {loads[index].Start:x}");
            }
        }

        return new CoreHeaders(architecture, loads, notes);
    }

    private static CoreSegment Parse(ReadOnlySpan<byte> header) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(header[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[40..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[32..]),
        BinaryPrimitives.ReadUInt32LittleEndian(header[4..]));

    private static void CheckLoad(CoreFile file, CoreSegment segment, uint index)
    {
        if (segment.FileLength > segment.Length || segment.Length > ulong.MaxValue - segment.Start || ((segment.Start | segment.Length) & (PageSize - 1)) != 0)
        {
            throw file.Damage($"its program header {index} is no stretch of whole pages");
        }

        if (segment.FileLength > 0)
        {
            file.ThrowIfOutside(segment.Offset, segment.FileLength, $"the pages from address {segment.Start:x} on");
        }
    }
}
