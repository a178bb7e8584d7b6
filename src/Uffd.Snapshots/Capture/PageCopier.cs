using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Brings pages of the process into a buffer in as few calls as possible, and from there to the sink. The two are apart, so that while a process stands only the first is done.
/// </summary>
internal sealed class PageCopier : IDisposable
{
    private const int MostPieces = 16 * 1024;
    private const ulong PassingBytes = 1 << 20;
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly ProcessMemory _memory;
    private readonly ISnapshotSink _sink;
    private readonly RangeSet _copied;
    private readonly MemoryMapping _buffer;
    private readonly AddressRange[] _wanted = new AddressRange[MostPieces];
    private readonly (ulong Address, ulong Offset, ulong Length)[] _read = new (ulong, ulong, ulong)[MostPieces];
    private int _wantedCount;
    private int _readCount;
    private ulong _wantedBytes;
    private ulong _used;

    /// <param name="memory">The process's.</param>
    /// <param name="sink">Where pages go.</param>
    /// <param name="copied">Told of what went there.</param>
    /// <param name="unreadable">Told of what could not be read.</param>
    /// <param name="bytes">The size of the buffer; whole pages.</param>
    public PageCopier(ProcessMemory memory, ISnapshotSink sink, RangeSet copied, RangeSet unreadable, ulong bytes)
    {
        Unreadable = unreadable;
        _memory = memory;
        _sink = sink;
        _copied = copied;
        _buffer = MemoryMapping.CreateAnonymous(bytes);
        _buffer.Advise(MemoryAdvice.HugePage);
        _buffer.AsSpan().Clear(); // touched now, not while the process stands
    }

    /// <summary>Bytes that were copied from the process, by this copier.</summary>
    public ulong CopiedBytes { get; private set; }

    /// <summary>
    /// Whether pages only pass through, in pieces small enough to be in the processor's cache still when the sink takes them; otherwise they stay until the buffer is full.
    /// </summary>
    public bool IsPassing { get; set; } = true;

    /// <summary>Called before pages go to the sink: what is older must have gone there.</summary>
    public Action? BeforeStore { get; set; }

    /// <summary>Pages that could not be read, and were not since: unmapped meanwhile, or lost.</summary>
    public RangeSet Unreadable { get; }

    /// <summary>Asks for pages. When the buffer is full, all that is in it goes to the sink.</summary>
    public void Add(AddressRange pages)
    {
        while (!pages.IsEmpty)
        {
            ulong held = _used + _wantedBytes, limit = IsPassing ? Math.Min(PassingBytes, _buffer.Length) : _buffer.Length;
            ulong room = limit - Math.Min(held, limit);
            if (room < PageSize || _wantedCount == MostPieces || _readCount == _read.Length)
            {
                Flush();
                continue;
            }

            ulong take = Math.Min(room, pages.Length);
            _wanted[_wantedCount++] = new AddressRange(pages.Start, take);
            _wantedBytes += take;
            pages = AddressRange.FromBounds(pages.Start + take, pages.End);
        }
    }

    /// <summary>Reads what was asked for. Allocates nothing but for pages that cannot be read.</summary>
    public void Read()
    {
        int first = 0;
        while (first < _wantedCount)
        {
            ulong brought = (ulong)_memory.Read(_wanted.AsSpan(first, _wantedCount - first), _buffer.AsSpan(_used, (int)_wantedBytes)) / PageSize * PageSize;
            CopiedBytes += brought;
            while (brought > 0)
            {
                ulong length = Math.Min(_wanted[first].Length, brought);
                Took(_wanted[first].Start, length);
                brought -= length;
                Advance(ref first, length);
            }

            if (first < _wantedCount)
            {
                // All before it was brought: this page is what stopped the read.
                Unreadable.Add(new AddressRange(_wanted[first].Start, PageSize));
                Advance(ref first, PageSize);
            }
        }

        _wantedCount = 0;
    }

    /// <summary>Gives what was read to the sink.</summary>
    public void Store()
    {
        if (_readCount > 0)
        {
            BeforeStore?.Invoke();
        }

        for (int index = 0; index < _readCount; index++)
        {
            (ulong address, ulong offset, ulong length) = _read[index];
            _sink.Write(address, _buffer.AsSpan(offset, (int)length));
            var range = new AddressRange(address, length);
            _copied.Add(range);
            Unreadable.Remove(range);
        }

        _readCount = 0;
        if (_wantedCount == 0)
        {
            _used = 0;
        }
    }

    /// <summary>Reads, and gives it to the sink.</summary>
    public void Flush()
    {
        Read();
        Store();
    }

    /// <summary>Forgets what was asked for and read.</summary>
    public void Drop() => (_readCount, _wantedCount, _used, _wantedBytes) = (0, 0, 0, 0);

    /// <summary>Frees the buffer.</summary>
    public void Dispose() => _buffer.Dispose();

    private void Took(ulong address, ulong length)
    {
        if (_readCount == _read.Length)
        {
            Store(); // only where many pages could not be read, each of which makes one piece more
        }

        _read[_readCount++] = (address, _used, length);
        _used += length;
    }

    private void Advance(ref int first, ulong length)
    {
        _wantedBytes -= length;
        AddressRange range = _wanted[first];
        if (length == range.Length)
        {
            first++;
        }
        else
        {
            _wanted[first] = AddressRange.FromBounds(range.Start + length, range.End);
        }
    }
}
