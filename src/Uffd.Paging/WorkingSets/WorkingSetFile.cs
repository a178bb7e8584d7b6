using System.Globalization;

namespace Uffd.Paging;

/// <summary>How a working set is written down.</summary>
public enum WorkingSetFormat
{
    /// <summary>This library's own: docs/working-sets.md.</summary>
    Uffd,

    /// <summary>vHive's trace: the offset of a page in hexadecimal on each line, in order of first touch.</summary>
    VHive,
}

/// <summary>Working sets in files.</summary>
public static class WorkingSetFile
{
    /// <summary>The largest file that is read, in bytes.</summary>
    public const long MaxBytes = 128 << 20;

    /// <summary>Reads a working set, of whichever format it is.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">It is none, or damaged: one line says how.</exception>
    /// <exception cref="IOException">It is missing or cannot be read.</exception>
    public static WorkingSet Read(string path) => Read(path, out _);

    /// <summary>Reads a working set and tells its format.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">What it was.</param>
    /// <exception cref="InvalidDataException">It is none, or damaged: one line says how.</exception>
    /// <exception cref="IOException">It is missing or cannot be read.</exception>
    public static WorkingSet Read(string path, out WorkingSetFormat format)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] bytes = ReadAll(path);
        try
        {
            return Parse(bytes, out format);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"the working set {path} cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>Reads a working set from memory.</summary>
    /// <param name="bytes">As of a file.</param>
    /// <param name="format">What it was.</param>
    /// <exception cref="InvalidDataException">It is none, or damaged: one line says how.</exception>
    public static WorkingSet Parse(ReadOnlySpan<byte> bytes, out WorkingSetFormat format)
    {
        format = WorkingSetEncoding.IsOne(bytes) ? WorkingSetFormat.Uffd : WorkingSetFormat.VHive;
        return format == WorkingSetFormat.Uffd ? WorkingSetEncoding.Decode(bytes) : VHiveTrace.Parse(bytes);
    }

    /// <summary>
    /// Writes a working set: to a new file beside it, which is forced to the disk and then takes its name. Whoever reads the path finds the
    /// old set or the new one, and never a part.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="set">The set.</param>
    /// <param name="format">How.</param>
    /// <exception cref="IOException">It cannot be written. The old file is as it was.</exception>
    /// <exception cref="ArgumentException">The format cannot hold it: one line says why.</exception>
    public static void Write(string path, WorkingSet set, WorkingSetFormat format = WorkingSetFormat.Uffd)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(set);
        byte[] bytes = format == WorkingSetFormat.Uffd ? WorkingSetEncoding.Encode(set) : VHiveTrace.Format(set);
        Replace(path, file => file.Write(bytes));
    }

    /// <summary>
    /// Writes the content of a set's pages as vHive does (<c>working_set_pages</c>): in order of offset, one behind the other, nothing else.
    /// A page that the image fills in part ends in zeros.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="set">The set.</param>
    /// <param name="image">Its image.</param>
    /// <exception cref="IOException">The image cannot be read, or the file not written.</exception>
    public static void WritePages(string path, WorkingSet set, IPageSource image)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(image);
        Replace(path, file =>
        {
            byte[] buffer = new byte[1 << 20];
            foreach (SourceRange run in set.Coalesce())
            {
                for (ulong done = 0; done < run.Length; done += (ulong)buffer.Length)
                {
                    Span<byte> part = buffer.AsSpan(0, (int)Math.Min((ulong)buffer.Length, run.Length - done));
                    image.Read(run.Offset + done, part);
                    file.Write(part);
                }
            }
        });
    }

    /// <summary>Fails now, and not at the end of a recording, where a file could not be written.</summary>
    /// <param name="path">The file. It is not changed.</param>
    /// <exception cref="IOException">It could not be written: says why.</exception>
    public static void RequireWritable(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        (FileStream file, string temporary, _) = Begin(path);
        file.Dispose();
        File.Delete(temporary);
    }

    private static byte[] ReadAll(string path)
    {
        try
        {
            // Opened without knowing what it is: a pipe would block, a folder says so.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (file.Length > MaxBytes)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"the working set {path} has {file.Length} bytes, and {MaxBytes} are the most"));
            }

            byte[] bytes = new byte[file.Length];
            return bytes.AsSpan(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)).ToArray();
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileNotFoundException($"there is no working set {path}", path, exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new UnauthorizedAccessException(Directory.Exists(path) ? $"the working set {path} is a folder" : $"the working set {path} may not be read: check its permissions", exception);
        }
        catch (NotSupportedException exception)
        {
            throw new InvalidDataException($"the working set {path} is no regular file", exception);
        }
    }

    private static void Replace(string path, Action<FileStream> write)
    {
        (FileStream file, string temporary, string final) = Begin(path);
        try
        {
            using (file)
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, final, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Opens a new file beside the one that is meant, for which a link may stand.</summary>
    private static (FileStream File, string Temporary, string Final) Begin(string path)
    {
        string final = new FileInfo(path) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName : Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(final) ?? "/";
        if (Directory.Exists(final) || (string.Equals(folder, "/dev", StringComparison.Ordinal) && File.Exists(final)))
        {
            throw new IOException($"{path} cannot be written: it is no regular file"); // a rename would replace the device
        }

        string temporary = Path.Combine(folder, $".{Path.GetFileName(final)}.{Guid.NewGuid():N}.tmp");
        try
        {
            return (new FileStream(temporary, FileMode.CreateNew, FileAccess.Write), temporary, final);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{path} cannot be written: {exception.Message}", exception);
        }
    }
}
