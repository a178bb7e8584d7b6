using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Uffd.Bench;

/// <summary>The file that is larger than the memory: records on a disk, and what each must be by now.</summary>
internal sealed partial class RecordFile : IDisposable
{
    private const int ChunkBytes = 1 << 20;
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED

    private RecordFile(string path, long size)
    {
        Path = path;
        Size = size;
    }

    public string Path { get; }

    public long Size { get; }

    public long Records => Size / Record.Size;

    /// <exception cref="BenchException">The directory is no place on a disk, or has no room.</exception>
    public static RecordFile Create(string directory, long size, CancellationToken cancellation)
    {
        var drive = new DriveInfo(directory);
        if (drive.DriveFormat is "tmpfs" or "ramfs")
        {
            throw new BenchException($"{directory} is in memory: give a directory on a disk with --directory");
        }

        if (drive.AvailableFreeSpace < size + (size / 8))
        {
            throw new BenchException($"{directory} has no room for {size >> 20} MiB: give another directory with --directory");
        }

        var file = new RecordFile(System.IO.Path.Combine(directory, "records"), size);
        try
        {
            file.Write(cancellation);
            file.DropFromCache();
            return file;
        }
        catch (IOException e)
        {
            file.Dispose();
            throw new BenchException($"the file of records cannot be written: {e.Message}");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Takes the file out of the page cache, so that who comes next starts cold and pays for its own pages: the kernel charges a page to the
    /// group of whoever brought it.
    /// </summary>
    public void DropFromCache()
    {
        using var file = File.OpenHandle(Path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
        Drop(file);
    }

    public Record ReadRecord(uint number)
    {
        Span<Record> record = stackalloc Record[1];
        using var file = File.OpenHandle(Path);
        return RandomAccess.Read(file, MemoryMarshal.AsBytes(record), (long)number * Record.Size) == Record.Size
            ? record[0]
            : throw new BenchException($"the file of records ends before record {number}");
    }

    /// <summary>Puts a record into the file, past both sides: to see whether they notice.</summary>
    public void WriteRecord(uint number, Record record)
    {
        using var file = File.OpenHandle(Path, FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, MemoryMarshal.AsBytes(new ReadOnlySpan<Record>(in record)), (long)number * Record.Size);
    }

    /// <summary>Reads every record from the disk and compares it with how often it must have been written.</summary>
    /// <param name="writes">How often; those that are not there, never.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="BenchException">A record is not what it must be: who ran last lost a write or made one up.</exception>
    public void Verify(IReadOnlyDictionary<uint, ulong> writes, CancellationToken cancellation)
    {
        DropFromCache();
        using var file = File.OpenHandle(Path);
        var chunk = new byte[ChunkBytes];
        for (long at = 0; at < Size; at += chunk.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, Size - at));
            var got = RandomAccess.Read(file, part, at);
            var records = MemoryMarshal.Cast<byte, Record>(part[..got]);
            var first = at / Record.Size;
            for (var i = 0; i < records.Length; i++)
            {
                var number = (uint)(first + i);
                var expected = writes.GetValueOrDefault(number);
                if (!records[i].IsRight(number) || records[i].Writes != expected)
                {
                    throw new BenchException(
                        $"record {number} is wrong in the end: it says it was written {records[i].Writes} times, and was {expected} times");
                }
            }

            if (got < part.Length)
            {
                throw new BenchException($"the file of records ends at {at + got} and not at {Size}");
            }
        }

        Drop(file);
    }

    public void Dispose()
    {
        if (File.Exists(Path))
        {
            File.Delete(Path);
        }
    }

    /// <summary>Whole and on the disk, with no holes and no extents that were promised only.</summary>
    private void Write(CancellationToken cancellation)
    {
        var chunk = new byte[ChunkBytes];
        using var file = File.OpenHandle(Path, FileMode.CreateNew, FileAccess.Write);
        for (long at = 0; at < Size; at += chunk.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, Size - at));
            var records = MemoryMarshal.Cast<byte, Record>(part);
            for (var i = 0; i < records.Length; i++)
            {
                records[i] = new Record((ulong)((at / Record.Size) + i), writes: 0);
            }

            RandomAccess.Write(file, part, at);
        }
    }

    private void Drop(SafeFileHandle file)
    {
        if (PosixFAdvise(file, 0, 0, DontNeed) is var errno and not 0)
        {
            throw new BenchException($"{Path} cannot be dropped from the page cache: posix_fadvise answers {errno}");
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise64")]
    private static partial int PosixFAdvise(SafeFileHandle file, long offset, long length, int advice);
}
