using System.Globalization;

namespace Uffd.Snapshots;

/// <summary>Writes to an image's file, whole or not at all.</summary>
internal static class ImageOutput
{
    /// <exception cref="IOException">The kernel refused: says why.</exception>
    public static void Write(PendingFile file, ulong offset, ReadOnlySpan<byte> bytes)
    {
        if (offset + (ulong)bytes.Length > ImageFormat.MaxFileLength)
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"an image cannot be longer than {ImageFormat.MaxFileLength} bytes"));
        }

        while (!bytes.IsEmpty)
        {
            int written;
            try
            {
                written = RawFile.Write(file.Handle, offset, bytes);
            }
            catch (UffdException exception)
            {
                throw Failure(file.Path, exception);
            }

            if (written == 0)
            {
                throw new IOException($"the image {file.Path} takes no more bytes, and says not why");
            }

            bytes = bytes[written..];
            offset += (ulong)written;
        }
    }

    /// <summary>What is said when the file cannot take what it is given.</summary>
    public static IOException Failure(string path, UffdException exception)
    {
        string why = exception.Errno switch
        {
            Errno.ENOSPC => "the disk is full; make room, or write it elsewhere",
            Errno.EDQUOT => "the quota of the file's owner is used up; make room, or raise it",
            Errno.EFBIG => "the file may not be so long here; raise the limit (ulimit -f), or use another file system",
            Errno errno => UffdException.Describe(errno),
        };
        return new IOException($"the image {path} cannot be written: {why}", exception);
    }
}
