using Microsoft.Win32.SafeHandles;

namespace Uffd.Paging;

/// <summary>A journal's file: readable by its user only, and open by one store at a time.</summary>
internal sealed class JournalFile : IJournalFile
{
    private readonly FileStream _stream; // only a way to name the permissions of a new file; all goes through its handle
    private readonly SafeFileHandle _file;

    private JournalFile(string path, FileStream stream) => (Name, _stream, _file) = (path, stream, stream.SafeFileHandle);

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public ulong Length => (ulong)RandomAccess.GetLength(_file);

    /// <summary>Opens a journal, or makes one that has its name only when it is whole and durable.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="format">Writes what a new one begins with.</param>
    /// <exception cref="IOException">Another store has it open, or it can neither be opened nor made.</exception>
    public static JournalFile OpenOrCreate(string path, Action<IJournalFile> format)
    {
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full))
        {
            throw new IOException($"the journal {path} is a folder");
        }

        try
        {
            return File.Exists(full) ? Open(full) : Create(full, format);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new UnauthorizedAccessException($"the journal {path} may not be opened for writing: check its permissions", exception);
        }
        catch (IOException exception)
        {
            // Also what .NET says of a lock that another has.
            throw new IOException($"the journal {path} cannot be opened, or another store has it open: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public int Read(ulong offset, Span<byte> destination)
    {
        int done = 0;
        while (done < destination.Length)
        {
            int count = RandomAccess.Read(_file, destination[done..], checked((long)offset + done));
            if (count == 0)
            {
                break;
            }

            done += count;
        }

        return done;
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> source) => RandomAccess.Write(_file, source, checked((long)offset));

    /// <inheritdoc/>
    public void Truncate(ulong length) => RandomAccess.SetLength(_file, checked((long)length));

    /// <inheritdoc/>
    public void Sync() => RawFile.FlushData(_file);

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private static JournalFile Open(string path) => new(path, OpenStream(path, FileMode.Open));

    private static JournalFile Create(string path, Action<IJournalFile> format)
    {
        string temporary = Path.Combine(Path.GetDirectoryName(path) ?? "/", $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        var file = new JournalFile(path, OpenStream(temporary, FileMode.CreateNew));
        try
        {
            format(file);
            file.Sync();
            File.Move(temporary, path, overwrite: false); // of two that make it at once, one finds it made
            RawFile.FlushFolder(Path.GetDirectoryName(path) ?? "/"); // a journal whose name is lost would never be replayed
            return file;
        }
        catch
        {
            file.Dispose();
            File.Delete(temporary);
            throw;
        }
    }

    private static FileStream OpenStream(string path, FileMode mode)
    {
        // Not to be shared: a lock that ends with the process, however that ends.
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (mode == FileMode.CreateNew && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var stream = new FileStream(path, options);
        if (!stream.CanSeek)
        {
            stream.Dispose();
            throw new IOException("it is a pipe or a device, and must be a regular file");
        }

        return stream;
    }
}
