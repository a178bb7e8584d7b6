using Microsoft.Win32.SafeHandles;

namespace Uffd.Tool.OutOfCore;

/// <summary>Records in a mapped file, as a program would have them without this library.</summary>
internal sealed class MappedRecords : IRecordMemory, IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly MemoryMapping _mapping;

    public MappedRecords(string path, ulong length)
    {
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        _mapping = MemoryMapping.MapFile(_file, 0, length, new MemoryMappingOptions { Shared = true });
        _mapping.Advise(MemoryAdvice.Random); // otherwise each fault reads what lies around it, for nothing
    }

    public void Read(long offset, Span<byte> destination) => _mapping.AsSpan((ulong)offset, destination.Length).CopyTo(destination);

    public void Write(long offset, ReadOnlySpan<byte> source) => source.CopyTo(_mapping.AsSpan((ulong)offset, source.Length));

    public void Flush() => RandomAccess.FlushToDisk(_file); // what was written through the mapping is the file's

    public void Dispose()
    {
        _mapping.Dispose();
        _file.Dispose();
    }
}
