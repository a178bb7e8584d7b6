using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.Bench;

/// <summary>The file as mmap shows it: what the self-check puts in the region's place.</summary>
internal sealed unsafe partial class MappedSide : ISideMemory
{
    private readonly MemoryMappedFile mapping;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* bytes; // valid until Dispose gives the view back

    public MappedSide(string path, string advice)
    {
        mapping = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        view = mapping.CreateViewAccessor();
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref bytes);
        Length = new FileInfo(path).Length;
        var number = advice switch { "random" => 1, "sequential" => 2, _ => 0 }; // MADV_RANDOM, MADV_SEQUENTIAL, MADV_NORMAL
        if (MAdvise(bytes, (nuint)Length, number) != 0)
        {
            throw new BenchException($"madvise {advice} failed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    public long Length { get; }

    public long Misses => 0;

    public string Facts => "";

    // Every number is below the file's: the sequence was checked.
    public Record Read(long number) => Unsafe.Read<Record>(bytes + (number * Record.Size));

    public void Write(long number, in Record record) => Unsafe.Write(bytes + (number * Record.Size), record);

    public ulong Sum(long offset, int length) => Words.Sum(new ReadOnlySpan<byte>(bytes + offset, length)); // inside the view

    public void Flush()
    {
        view.Flush();
    }

    public void Dispose()
    {
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        mapping.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int MAdvise(void* address, nuint length, int advice);
}
