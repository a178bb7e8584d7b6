namespace Uffd.Snapshots;

/// <summary>A core file that is being written, without its name until it is whole; failures are told with its name and what to do.</summary>
internal sealed class CoreOutput : IDisposable
{
    private const int ZerosLength = 1 << 16;

    private readonly PendingFile _file;
    private bool _hasHoles; // whether the file system can make them

    private CoreOutput(PendingFile file, bool hasHoles) => (_file, _hasHoles) = (file, hasHoles);

    public string Path => _file.Path;

    /// <param name="path">The name that it is to get.</param>
    /// <param name="hasHoles">Whether to try holes.</param>
    public static CoreOutput Create(string path, bool hasHoles = true) => new(PendingFile.Create(path), hasHoles);

    /// <summary>Writes bytes, all of them.</summary>
    public void Write(ulong offset, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int written;
            try
            {
                written = RawFile.Write(_file.Handle, offset, bytes);
            }
            catch (UffdException exception)
            {
                throw Failure($"cannot be written at byte {offset}", exception);
            }

            if (written == 0)
            {
                throw new IOException($"the core {Path} takes nothing at byte {offset}, and says not why");
            }

            bytes = bytes[written..];
            offset += (ulong)written;
        }
    }

    /// <summary>Makes zeros of bytes that were written, a hole where the file system can.</summary>
    public void Clear(ulong offset, ulong length)
    {
        try
        {
            if (_hasHoles && FileHole.TryPunch(_file.Handle, offset, length))
            {
                return;
            }
        }
        catch (UffdException exception)
        {
            throw Failure($"cannot be cleared at byte {offset}", exception);
        }

        _hasHoles = false;
        byte[] zeros = new byte[(int)Math.Min(length, ZerosLength)];
        for (ulong done = 0; done < length;)
        {
            int piece = (int)Math.Min(length - done, (ulong)zeros.Length);
            Write(offset + done, zeros.AsSpan(0, piece));
            done += (ulong)piece;
        }
    }

    /// <summary>Cuts the file there; what was never written before is a hole.</summary>
    public void SetLength(ulong length)
    {
        try
        {
            RandomAccess.SetLength(_file.Handle, (long)length);
        }
        catch (Exception exception) when (exception is IOException or ArgumentException)
        {
            throw new IOException($"the core {Path} cannot have {length} bytes: {exception.Message}", exception);
        }
    }

    /// <summary>Gives it its name.</summary>
    public void Publish(bool durable)
    {
        try
        {
            _file.Publish(durable);
        }
        catch (UffdException exception)
        {
            throw Failure("cannot be ended", exception);
        }
    }

    public void Dispose() => _file.Dispose();

    private UffdException Failure(string what, UffdException cause) => new($"the core {Path} {what}", cause.Errno, cause.Errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT => "make room there, or write it elsewhere",
        Errno.EFBIG => "raise the limit of a file's size (ulimit -f), or write it to a file system of larger files",
        _ => null,
    });
}
