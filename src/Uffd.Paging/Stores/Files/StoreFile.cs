using Microsoft.Win32.SafeHandles;

namespace Uffd.Paging;

/// <summary>
/// A file of a length that does not change, read and written whole or not at all, with one error message for each way in which that can fail.
/// Past the page cache it has two descriptors: the last page of a file that is no multiple of pages is no business of O_DIRECT.
/// </summary>
/// <remarks>
/// Both are of one file, and the kernel keeps them in agreement; a page goes through one of them only, so that it never has to.
/// </remarks>
internal sealed class StoreFile : IDisposable
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly SafeFileHandle _cached;
    private readonly SafeFileHandle? _direct;
    private readonly ulong _tail; // where the cached descriptor's part begins

    /// <param name="path">For messages.</param>
    /// <param name="length">In bytes.</param>
    /// <param name="cached">Through the page cache. Owned.</param>
    /// <param name="direct">Past it, or null. Owned.</param>
    public StoreFile(string path, ulong length, SafeFileHandle cached, SafeFileHandle? direct)
    {
        Path = path;
        Length = length;
        _cached = cached;
        _direct = direct;
        _tail = direct is null ? 0 : length - (length % PageSize);
    }

    public string Path { get; }

    public ulong Length { get; }

    public bool IsDirect => _direct is not null;

    /// <summary>Reads bytes inside the file.</summary>
    public void Read(ulong offset, Span<byte> destination)
    {
        int direct = DirectPart(offset, destination.Length);
        if (direct > 0)
        {
            ReadDirect(offset, destination[..direct]);
        }

        if (direct < destination.Length)
        {
            ReadFrom(_cached, offset + (ulong)direct, destination[direct..], unit: 1);
        }
    }

    /// <summary>Writes bytes inside the file, from the start of a page on.</summary>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        ThrowIfCut("nothing is written to it"); // a write behind its end would make it long again, with zeros where data were
        int direct = DirectPart(offset, source.Length);
        if (direct > 0)
        {
            WriteDirect(offset, source[..direct]);
        }

        if (direct < source.Length)
        {
            WriteTo(_cached, offset + (ulong)direct, source[direct..], unit: 1);
        }
    }

    /// <summary>
    /// Makes durable what went through either descriptor: what fdatasync(2) writes out is the file's, and of an error it tells
    /// every descriptor that was open when it happened.
    /// </summary>
    public void Flush()
    {
        ThrowIfCut("what it had behind is lost");
        RawFile.FlushData(_cached);
    }

    public void Dispose()
    {
        if (!_cached.IsClosed)
        {
            RawFile.Unlock(_cached);
        }

        _direct?.Dispose();
        _cached.Dispose();
    }

    private int DirectPart(ulong offset, int length) => offset >= _tail ? 0 : (int)Math.Min((ulong)length, _tail - offset);

    private unsafe void ReadDirect(ulong offset, Span<byte> destination)
    {
        fixed (byte* first = destination) // only the address is looked at; pinned until the read is done, for a collection may move an array
        {
            if ((nuint)first % (nuint)PageSize == 0 && offset % PageSize == 0 && (ulong)destination.Length % PageSize == 0)
            {
                ReadFrom(_direct!, offset, destination, unit: (int)PageSize);
                return;
            }
        }

        using var buffer = new AlignedBuffer(Math.Min(destination.Length, AlignedBuffer.Longest) + (2 * (int)PageSize));
        while (!destination.IsEmpty)
        {
            int before = (int)(offset % PageSize);
            ulong start = offset - (ulong)before;
            int wanted = (before + Math.Min(destination.Length, AlignedBuffer.Longest) + (int)PageSize - 1) / (int)PageSize * (int)PageSize;
            Span<byte> pages = buffer.Span[..Math.Min(buffer.Span.Length, wanted)];
            ReadFrom(_direct!, start, pages, unit: (int)PageSize);
            int taken = Math.Min(pages.Length - before, destination.Length);
            pages.Slice(before, taken).CopyTo(destination);
            destination = destination[taken..];
            offset += (ulong)taken;
        }
    }

    private unsafe void WriteDirect(ulong offset, ReadOnlySpan<byte> source)
    {
        fixed (byte* first = source) // as above
        {
            if ((nuint)first % (nuint)PageSize == 0)
            {
                WriteTo(_direct!, offset, source, unit: (int)PageSize);
                return;
            }
        }

        using var buffer = new AlignedBuffer(source.Length);
        for (int done = 0; done < source.Length;)
        {
            Span<byte> pages = buffer.Span[..Math.Min(buffer.Span.Length, source.Length - done)];
            source.Slice(done, pages.Length).CopyTo(pages);
            WriteTo(_direct!, offset + (ulong)done, pages, unit: (int)PageSize);
            done += pages.Length;
        }
    }

    /// <param name="file">The descriptor.</param>
    /// <param name="offset">Where.</param>
    /// <param name="destination">Filled whole.</param>
    /// <param name="unit">What a read must be a multiple of: one that was short in the middle of it is made again from its start.</param>
    private void ReadFrom(SafeFileHandle file, ulong offset, Span<byte> destination, int unit)
    {
        for (int done = 0; done < destination.Length;)
        {
            int read;
            try
            {
                read = RawFile.Read(file, offset + (ulong)done, destination[done..]);
            }
            catch (UffdException exception)
            {
                throw new IOException($"the store {Path} cannot be read at byte {offset + (ulong)done}: {UffdException.Describe(exception.Errno)}", exception);
            }

            int progress = read - (read % unit);
            if (progress == 0)
            {
                ThrowIfCut("what it had behind is lost");
                throw new IOException($"the store {Path} gives {read} of {destination.Length - done} bytes at {offset + (ulong)done}, though it is not at its end");
            }

            done += progress;
        }
    }

    private void WriteTo(SafeFileHandle file, ulong offset, ReadOnlySpan<byte> source, int unit)
    {
        for (int done = 0; done < source.Length;)
        {
            int written;
            try
            {
                written = RawFile.Write(file, offset + (ulong)done, source[done..]);
            }
            catch (UffdException exception)
            {
                throw StoreFailures.OfWrite(Path, offset + (ulong)done, source.Length - done, exception);
            }

            int progress = written - (written % unit);
            if (progress == 0)
            {
                throw new IOException($"the store {Path} took {written} of {source.Length - done} bytes at {offset + (ulong)done}, and says not why");
            }

            done += progress;
        }
    }

    private void ThrowIfCut(string consequence)
    {
        ulong end = SparseFile.GetEnd(_cached);
        if (end < Length)
        {
            throw new IOException($"the store {Path} ends at byte {end}, but had {Length} bytes when it was opened: it was cut short by someone else, and {consequence}");
        }
    }
}
