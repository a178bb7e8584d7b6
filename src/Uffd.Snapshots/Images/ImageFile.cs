using Microsoft.Win32.SafeHandles;

namespace Uffd.Snapshots;

/// <summary>An image's file, to read.</summary>
internal sealed class ImageFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private long _reads;

    /// <param name="path">For messages.</param>
    /// <param name="handle">Owned.</param>
    public ImageFile(string path, SafeFileHandle handle) => (Path, _handle) = (path, handle);

    public string Path { get; }

    public ulong Length => (ulong)RandomAccess.GetLength(_handle);

    /// <summary>How often it was read (pread(2)).</summary>
    public long Reads => Interlocked.Read(ref _reads);

    /// <summary>Reads bytes that the image has if it is whole.</summary>
    /// <exception cref="InvalidDataException">The file ends before.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        if (ReadUpTo(offset, destination) < destination.Length)
        {
            throw new InvalidDataException($"the image {Path} was cut short: it has no {destination.Length} bytes at {offset}");
        }
    }

    /// <summary>Reads bytes, fewer where the file ends.</summary>
    public int ReadUpTo(ulong offset, Span<byte> destination)
    {
        int done = 0;
        while (done < destination.Length)
        {
            Interlocked.Increment(ref _reads);
            int read;
            try
            {
                read = RawFile.Read(_handle, offset + (ulong)done, destination[done..]);
            }
            catch (UffdException exception)
            {
                throw new IOException($"the image {Path} cannot be read at byte {offset + (ulong)done}: {UffdException.Describe(exception.Errno)}", exception);
            }

            if (read == 0)
            {
                break;
            }

            done += read;
        }

        return done;
    }

    public void Dispose() => _handle.Dispose();
}
