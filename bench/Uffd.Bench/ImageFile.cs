using System.Buffers.Binary;

namespace Uffd.Bench;

/// <summary>
/// The image that is paged: in memory if it can be, so that no disk writes while something is measured, and in the
/// page cache in any case. The first 8 bytes of each page are its index XOR a number; no page is empty or equals another.
/// </summary>
internal sealed class ImageFile : IDisposable
{
    private const int PagesAtOnce = 1024;

    private ImageFile(string path, long size)
    {
        Path = path;
        Size = size;
    }

    public string Path { get; }

    public long Size { get; }

    public ulong Seed { get; } = 0x5EED_0F_A11_FA17;

    public static ImageFile Create(long size, string directory, CancellationToken cancellation)
    {
        var shared = new DirectoryInfo("/dev/shm");
        var place = shared.Exists && new DriveInfo(shared.FullName).AvailableFreeSpace > size ? shared.FullName : directory;
        var image = new ImageFile(System.IO.Path.Combine(place, $"uffd-bench-{Environment.ProcessId}.img"), size);
        try
        {
            image.Write(cancellation);
            return image;
        }
        catch (IOException e)
        {
            image.Dispose();
            throw new BenchException($"the image cannot be written: {e.Message}");
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    public void Dispose() => File.Delete(Path);

    private void Write(CancellationToken cancellation)
    {
        var chunk = new byte[PagesAtOnce * BenchOptions.PageSize];
        new Random(1).NextBytes(chunk);
        using var file = File.OpenHandle(Path, FileMode.Create, FileAccess.Write, preallocationSize: Size);
        for (long at = 0; at < Size; at += chunk.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, Size - at));
            for (var page = 0; page < part.Length; page += BenchOptions.PageSize)
            {
                var index = (ulong)((at + page) / BenchOptions.PageSize);
                BinaryPrimitives.WriteUInt64LittleEndian(part[page..], index ^ Seed);
            }

            RandomAccess.Write(file, part, at);
        }
    }
}
