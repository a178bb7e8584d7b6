using Microsoft.Win32.SafeHandles;

namespace Uffd.Snapshots;

/// <summary>A core file that is read: whole pieces or none, with messages that name it.</summary>
internal sealed class CoreFile : IDisposable
{
    private CoreFile(string path, SafeFileHandle handle, ulong length)
    {
        Path = path;
        Handle = handle;
        Length = length;
    }

    public string Path { get; }

    public SafeFileHandle Handle { get; }

    public ulong Length { get; }

    public static CoreFile Open(string path)
    {
        SafeFileHandle handle = RegularFile.OpenRead(path);
        return new CoreFile(path, handle, SparseFile.GetEnd(handle));
    }

    /// <summary>Reads bytes whose place was checked before.</summary>
    /// <exception cref="InvalidDataException">The file has become shorter.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(Handle, destination, (long)offset);
            if (read == 0)
            {
                throw Damage($"it ends at byte {offset}, before what it should hold");
            }

            destination = destination[read..];
            offset += (ulong)read;
        }
    }

    public void ThrowIfOutside(ulong offset, ulong length, string what)
    {
        if (offset > Length || length > Length - offset)
        {
            throw Damage($"it has {Length} bytes, and {what} would lie at {offset} with {length} bytes: it was cut, or not written to its end");
        }
    }

    public InvalidDataException Damage(string why) => new($"{Path} is not a whole core file: {why}");

    public void Dispose() => Handle.Dispose();
}
