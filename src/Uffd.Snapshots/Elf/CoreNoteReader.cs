using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Uffd.Snapshots;

/// <summary>What the notes of a core tell.</summary>
/// <param name="Process">The process with its threads, and no regions yet.</param>
/// <param name="Files">The mappings of files, in order of address.</param>
internal sealed record CoreNoteContent(ProcessState Process, IReadOnlyList<CoreFileMapping> Files);

/// <summary>Reads the notes of a core, of the kernel's, gdb's and this library's orders; what is not known is passed over.</summary>
internal sealed class CoreNoteReader
{
    private const ulong MostBytes = 1 << 30;
    private const uint LongestName = 64;
    private const uint LongestNote = 64 << 20; // the kernel's NT_FILE has at most 16 MiB where nobody allows more

    private readonly CoreFile _file;
    private readonly Architecture _architecture;
    private readonly List<ThreadState> _threads = [];
    private ProcessState? _process;
    private ReadOnlyMemory<byte> _signal; // of gdb's older cores, where it stands before the thread
    private ReadOnlyMemory<byte> _auxiliary;
    private IReadOnlyList<CoreFileMapping> _files = [];

    private CoreNoteReader(CoreFile file, Architecture architecture)
    {
        _file = file;
        _architecture = architecture;
    }

    /// <summary>Reads all notes.</summary>
    /// <exception cref="InvalidDataException">They are damaged.</exception>
    public static CoreNoteContent Read(CoreFile file, CoreHeaders headers)
    {
        var reader = new CoreNoteReader(file, headers.Architecture);
        foreach (FileExtent extent in headers.Notes)
        {
            reader.ReadSegment(extent);
        }

        return reader.Result();
    }

    private void ReadSegment(FileExtent extent)
    {
        if (extent.Length > MostBytes)
        {
            throw _file.Damage($"it tells of {extent.Length} bytes of notes");
        }

        Span<byte> header = stackalloc byte[ElfAbi.NoteHeaderLength];
        Span<byte> name = stackalloc byte[(int)LongestName];
        for (ulong position = extent.Offset; position < extent.End;)
        {
            ThrowIfBeyond(position, ElfAbi.NoteHeaderLength, extent);
            _file.Read(position, header);
            uint nameLength = BinaryPrimitives.ReadUInt32LittleEndian(header);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
            if (nameLength is 0 or > LongestName || length > LongestNote)
            {
                throw _file.Damage($"the note at byte {position} has a name of {nameLength} bytes and a content of {length}");
            }

            ulong content = position + ElfAbi.NoteHeaderLength + Padded(nameLength);
            ThrowIfBeyond(content, length, extent);
            _file.Read(position + ElfAbi.NoteHeaderLength, name[..(int)nameLength]);
            if (IsKnown(name[..(int)nameLength], type))
            {
                byte[] bytes = new byte[length];
                _file.Read(content, bytes);
                Take(type, bytes);
            }

            position = content + Padded(length);
        }
    }

    private static ulong Padded(uint length) => ((ulong)length + 3) & ~3UL;

    private void ThrowIfBeyond(ulong position, ulong length, FileExtent extent)
    {
        if (position > extent.End || length > extent.End - position)
        {
            throw _file.Damage($"a note at byte {position} goes beyond the notes' end");
        }
    }

    private static bool IsKnown(ReadOnlySpan<byte> name, uint type) => type switch
    {
        ElfAbi.NoteExtendedState => name.SequenceEqual("LINUX\0"u8),
        ElfAbi.NoteStatus or ElfAbi.NoteFloatingPoint or ElfAbi.NoteProcess or ElfAbi.NoteAuxiliaryVector or ElfAbi.NoteFiles or ElfAbi.NoteSignal
            => name.SequenceEqual("CORE\0"u8),
        _ => false,
    };

    private void Take(uint type, byte[] content)
    {
        switch (type)
        {
            case ElfAbi.NoteStatus:
                Require(content, ElfAbi.StatusLength(_architecture), "NT_PRSTATUS");
                ThreadState thread = CoreStatus.ReadThread(content, ElfAbi.RegistersLength(_architecture));
                _threads.Add(_threads.Count == 0 ? thread with { SignalInformation = _signal } : thread);
                break;
            case ElfAbi.NoteProcess:
                Require(content, ElfAbi.ProcessLength, "NT_PRPSINFO");
                _process = CoreStatus.ReadProcess(content);
                break;
            case ElfAbi.NoteAuxiliaryVector:
                _auxiliary = content;
                break;
            case ElfAbi.NoteFiles:
                _files = CoreFileNote.Read(content);
                break;
            case ElfAbi.NoteSignal when content.Length == ThreadState.SignalInformationLength && _threads.Count == 0:
                _signal = content;
                break;
            case ElfAbi.NoteSignal when content.Length == ThreadState.SignalInformationLength:
                _threads[^1] = _threads[^1] with { SignalInformation = content };
                break;
            case ElfAbi.NoteFloatingPoint when _threads.Count > 0:
                _threads[^1] = _threads[^1] with { FloatingPoint = content };
                break;
            case ElfAbi.NoteExtendedState when _threads.Count > 0:
                _threads[^1] = _threads[^1] with { Extended = content };
                break;
        }
    }

    private void Require(byte[] content, int length, string what)
    {
        if (content.Length != length)
        {
            throw _file.Damage($"a note {what} has {content.Length} bytes, and not {length}");
        }
    }

    private CoreNoteContent Result()
    {
        if (_process is null && _threads.Count == 0)
        {
            throw _file.Damage("no note tells of a process or a thread");
        }

        ulong pageSize = CoreAuxiliary.Find(_auxiliary.Span, ElfAbi.AuxiliaryPageSize) ?? 4096;
        if (pageSize is < 4096 or > 1 << 30 || (pageSize & (pageSize - 1)) != 0)
        {
            throw _file.Damage($"it tells of pages of {pageSize} bytes");
        }

        ProcessState process = _process ?? new ProcessState { ProcessId = _threads[0].ThreadId, Name = "", Threads = [], Regions = [] };
        process = process with
        {
            Architecture = _architecture,
            AuxiliaryVector = _auxiliary,
            PageSize = (int)pageSize,
            Threads = _threads,
            Executable = CoreAuxiliary.Find(_auxiliary.Span, ElfAbi.AuxiliaryProgramHeaders) is { } headers
                ? _files.FirstOrDefault(file => file.Range.Contains(headers)).Name ?? ""
                : "",
            Taken = new DateTimeOffset(File.GetLastWriteTimeUtc(_file.Handle)), // a core does not tell its time
        };
        return new CoreNoteContent(process, _files);
    }
}
