using System.Runtime.InteropServices;

namespace Uffd.Paging.OwnMemory.Tests;

/// <summary>
/// A store in memory that is as unkind as the contract allows: a call that fails leaves garbage behind, and what a region must not do
/// (two writes of a page at once, a read of a page while it is written, buffers that are not pages) is noted in <see cref="Violation"/>.
/// </summary>
internal sealed unsafe class MemoryStore : IPageStore
{
    public static readonly int Page = Environment.SystemPageSize;

    private readonly byte* _bytes; // whole pages, freed in Dispose: nobody calls after that
    private readonly int _pageCount;
    private readonly int[] _reading;
    private readonly int[] _writing;
    private int _disposals;
    private int _reads;
    private int _writes;
    private int _flushes;
    private string? _violation;

    public MemoryStore(long length)
    {
        Length = (ulong)length;
        _pageCount = (int)((length + Page - 1) / Page);
        _bytes = (byte*)NativeMemory.AlignedAlloc((nuint)(_pageCount * (long)Page), (nuint)Page);
        NativeMemory.Clear(_bytes, (nuint)(_pageCount * (long)Page));
        _reading = new int[_pageCount];
        _writing = new int[_pageCount];
    }

    public ulong Length { get; }

    public int Concurrency { get; init; }

    /// <summary>Whether pages are given where they are.</summary>
    public bool IsDirect { get; init; }

    /// <summary>Called in each read with the offset and the length, before anything is read; what it throws is the failure.</summary>
    public Action<long, int>? OnRead { get; set; }

    /// <summary>Called in each write with the offset and the length, before anything is written.</summary>
    public Action<long, int>? OnWrite { get; set; }

    public Action? OnFlush { get; set; }

    public Action<long, long>? OnGetRun { get; set; }

    public int Reads => Volatile.Read(ref _reads);

    public int Writes => Volatile.Read(ref _writes);

    public int Flushes => Volatile.Read(ref _flushes);

    public int Disposals => Volatile.Read(ref _disposals);

    /// <summary>What was done against the contract, or null.</summary>
    public string? Violation => Volatile.Read(ref _violation);

    /// <summary>What it holds now.</summary>
    public Span<byte> Content => new(_bytes, (int)Length); // until Free

    public SourceRun GetRun(ulong offset, ulong length)
    {
        OnGetRun?.Invoke((long)offset, (long)length);
        return new SourceRun(length, SourceRunKind.Data);
    }

    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        address = IsDirect ? (ulong)(_bytes + offset) : 0;
        return IsDirect ? DirectAccess.Full : DirectAccess.None;
    }

    public void Read(ulong offset, Span<byte> destination)
    {
        Interlocked.Increment(ref _reads);
        Check("read", offset, destination);
        Change(_reading, offset, destination.Length, 1);
        try
        {
            destination.Fill(0xEE);
            Note(IsAny(_writing, offset, destination.Length), "a page was read while it was written");
            OnRead?.Invoke((long)offset, destination.Length);
            new Span<byte>(_bytes + offset, destination.Length).CopyTo(destination); // checked above
        }
        finally
        {
            Change(_reading, offset, destination.Length, -1);
        }
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        Interlocked.Increment(ref _writes);
        Check("write", offset, source);
        Note(IsAny(_writing, offset, source.Length), "a page was written twice at once");
        Note(IsAny(_reading, offset, source.Length), "a page was written while it was read");
        Change(_writing, offset, source.Length, 1);
        try
        {
            var place = new Span<byte>(_bytes + offset, source.Length); // checked above
            if (OnWrite is { } hook)
            {
                byte[] before = place.ToArray();
                place.Fill(0xDD);
                hook((long)offset, source.Length);
                before.CopyTo(place);
            }

            source.CopyTo(place);
            place[(int)Math.Min((ulong)place.Length, Length - offset)..].Clear(); // behind the length
        }
        finally
        {
            Change(_writing, offset, source.Length, -1);
        }
    }

    public ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
        => new(Task.Run(() => Write(offset, source.Span), cancellation));

    public void Flush()
    {
        Interlocked.Increment(ref _flushes);
        OnFlush?.Invoke();
    }

    /// <summary>The region's: what is here can still be looked at.</summary>
    public void Dispose() => Interlocked.Increment(ref _disposals);

    /// <summary>The test's.</summary>
    public void Free() => NativeMemory.AlignedFree(_bytes);

    private void Check(string what, ulong offset, ReadOnlySpan<byte> buffer)
    {
        Note(Disposals > 0, $"a {what} after it was disposed");
        Note(offset % (ulong)Page != 0 || buffer.IsEmpty || buffer.Length % Page != 0, $"a {what} of {buffer.Length} bytes at {offset}: not whole pages");
        Note(AddressOf(buffer) % (ulong)Page != 0, $"a {what} with a buffer that is not aligned");
        if (offset + (ulong)buffer.Length > (ulong)_pageCount * (ulong)Page)
        {
            Note(broken: true, $"a {what} of {buffer.Length} bytes at {offset}: behind the end");
            throw new InvalidOperationException(Violation);
        }
    }

    private static ulong AddressOf(ReadOnlySpan<byte> buffer)
    {
        fixed (byte* address = buffer)
        {
            return (ulong)address;
        }
    }

    private void Note(bool broken, string what)
    {
        if (broken)
        {
            Interlocked.CompareExchange(ref _violation, what, null);
        }
    }

    private static void Change(int[] counts, ulong offset, int length, int by)
    {
        for (int page = (int)(offset / (ulong)Page), end = page + (length / Page); page < end; page++)
        {
            Interlocked.Add(ref counts[page], by);
        }
    }

    private static bool IsAny(int[] counts, ulong offset, int length)
    {
        for (int page = (int)(offset / (ulong)Page), end = page + (length / Page); page < end; page++)
        {
            if (Volatile.Read(ref counts[page]) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
