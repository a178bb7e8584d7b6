using System.Buffers;
using System.Buffers.Binary;

namespace Uffd.Snapshots;

/// <summary>The notes of a core file, in the order and form of the kernel's fs/binfmt_elf.c.</summary>
internal static class CoreNotes
{
    /// <summary>Makes the content of the segment PT_NOTE.</summary>
    /// <param name="state">The process.</param>
    /// <param name="files">Its mappings of files, as NT_FILE is to tell them.</param>
    public static ReadOnlyMemory<byte> Write(ProcessState state, List<CoreFileMapping> files)
    {
        if (ElfAbi.RegistersLength(state.Architecture) == 0)
        {
            throw new NotSupportedException($"core files of {state.Architecture} are not known here: take an image instead");
        }

        var notes = new ArrayBufferWriter<byte>();
        for (int index = 0; index < state.Threads.Count; index++)
        {
            ThreadState thread = state.Threads[index];
            Add(notes, ElfAbi.CoreName, 5, ElfAbi.NoteStatus, CoreStatus.WriteThread(state, thread));
            if (index == 0)
            {
                AddProcess(notes, state, files, thread);
            }

            if (!thread.FloatingPoint.IsEmpty)
            {
                Add(notes, ElfAbi.CoreName, 5, ElfAbi.NoteFloatingPoint, thread.FloatingPoint.Span);
            }

            if (!thread.Extended.IsEmpty)
            {
                Add(notes, ElfAbi.LinuxName, 6, ElfAbi.NoteExtendedState, ExtendedState.Normalize(thread.Extended).Span);
            }

            // The kernel tells of the first thread's signal only; gdb looks for one with each thread, and its gcore writes them so.
            if (index > 0 && thread.SignalInformation.Length == ThreadState.SignalInformationLength)
            {
                Add(notes, ElfAbi.CoreName, 5, ElfAbi.NoteSignal, thread.SignalInformation.Span);
            }
        }

        if (state.Threads.Count == 0)
        {
            AddProcess(notes, state, files, first: null);
        }
        else if (ExtendedState.Layout(ExtendedState.Normalize(state.Threads[0].Extended).Span) is { Length: > 0 } layout)
        {
            Add(notes, ElfAbi.LinuxName, 6, ElfAbi.NoteExtendedLayout, layout);
        }

        return notes.WrittenMemory;
    }

    private static void AddProcess(ArrayBufferWriter<byte> notes, ProcessState state, List<CoreFileMapping> files, ThreadState? first)
    {
        Add(notes, ElfAbi.CoreName, 5, ElfAbi.NoteProcess, CoreStatus.WriteProcess(state));
        if (first?.SignalInformation.Length == ThreadState.SignalInformationLength)
        {
            Add(notes, ElfAbi.CoreName, 5, ElfAbi.NoteSignal, first.SignalInformation.Span);
        }

        if (!state.AuxiliaryVector.IsEmpty)
        {
            Add(notes, ElfAbi.CoreName, 5, ElfAbi.NoteAuxiliaryVector, state.AuxiliaryVector.Span);
        }

        if (CoreFileNote.Write(files, state.PageSize) is { Length: > 0 } list)
        {
            Add(notes, ElfAbi.CoreName, 5, ElfAbi.NoteFiles, list);
        }
    }

    private static void Add(ArrayBufferWriter<byte> notes, ReadOnlySpan<byte> paddedName, int nameLength, uint type, ReadOnlySpan<byte> content)
    {
        int padded = (content.Length + 3) & ~3;
        int length = ElfAbi.NoteHeaderLength + paddedName.Length + padded;
        Span<byte> note = notes.GetSpan(length)[..length];
        BinaryPrimitives.WriteUInt32LittleEndian(note, (uint)nameLength);
        BinaryPrimitives.WriteUInt32LittleEndian(note[4..], (uint)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(note[8..], type);
        paddedName.CopyTo(note[ElfAbi.NoteHeaderLength..]);
        Span<byte> description = note[(ElfAbi.NoteHeaderLength + paddedName.Length)..];
        content.CopyTo(description);
        description[content.Length..].Clear();
        notes.Advance(length);
    }
}
