using System.Runtime.InteropServices;
using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>
/// Packs blocks on threads of its own and writes them. Pages are handed over by one thread, which waits only where all buffers are full. What counts of a page is what
/// <see cref="WrittenPages"/> says: a block that is packed late finds there that a page of it was superseded meanwhile.
/// </summary>
internal sealed unsafe class BlockPipeline : IDisposable
{
    /// <summary>Bytes that are on their way at most.</summary>
    public const int MaxBytes = 12 << 20;

    private readonly object _gate = new(); // guards all that is below, and Pages and Blocks
    private readonly Queue<BlockBuffer> _full = new();
    private readonly Stack<BlockBuffer> _idle = new();
    private readonly Thread[] _threads;
    private readonly BlockPacker _packer;
    private readonly CompressorPool? _compressors;
    private readonly int _blockPages;
    private readonly int _pageSize;
    private readonly int _mostBuffers;
    private int _buffers;
    private int _busy;
    private bool _ended;
    private Exception? _failure;
    private BlockBuffer? _open; // the handing thread's alone

    /// <param name="file">Where they go.</param>
    /// <param name="parent">Whose pages are not stored again, or null.</param>
    /// <param name="compressors">Null to store them as they are.</param>
    /// <param name="options">How.</param>
    /// <param name="pageSize">Of the process.</param>
    public BlockPipeline(PendingFile file, SnapshotImage? parent, CompressorPool? compressors, SnapshotImageOptions options, int pageSize)
    {
        (_compressors, _blockPages, _pageSize) = (compressors, options.BlockPages, pageSize);
        _packer = new BlockPacker(file, parent, pageSize, _gate, Pages, Blocks);
        _mostBuffers = Math.Max(options.Threads + 2, MaxBytes / (_blockPages * pageSize));
        _threads = new Thread[options.Threads];
        for (int index = 0; index < _threads.Length; index++)
        {
            _threads[index] = new Thread(Work) { IsBackground = true, Name = "snapshot image" };
            _threads[index].Start();
        }
    }

    /// <summary>What is known of the pages. Used by others only after <see cref="Drain"/>.</summary>
    public WrittenPages Pages { get; } = new();

    /// <summary>The blocks. As <see cref="Pages"/>.</summary>
    public BlockTable Blocks { get; } = new();

    /// <summary>Bytes of the file by now.</summary>
    public ulong FileBytes
    {
        get
        {
            lock (_gate)
            {
                return Blocks.End;
            }
        }
    }

    /// <summary>Pages in the file that do not count any more.</summary>
    public long SupersededPages
    {
        get
        {
            lock (_gate)
            {
                return Blocks.SupersededPages;
            }
        }
    }

    /// <summary>Takes a page.</summary>
    public void Add(ulong page, ReadOnlySpan<byte> content)
    {
        if (!content.ContainsAnyExcept((byte)0)) // vectorised, and ends at the first
        {
            SetZero(page);
            return;
        }

        BlockBuffer open = _open ??= TakeBuffer();
        content.CopyTo(open[open.Count]);
        lock (_gate)
        {
            ThrowIfFailed();
            ref WrittenPage known = ref Pages[page];
            WrittenPage before = known;
            known = WrittenPage.At(open.Block, open.Count, checksum: 0);
            Blocks.Count(open.Block);
            Blocks.Release(before);
        }

        open.PageNumbers[open.Count++] = page;
        if (open.IsFull)
        {
            Hand();
        }
    }

    /// <summary>Forgets pages.</summary>
    public void Discard(ulong first, ulong end)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            Pages.Clear(first, end, Blocks.Release);
        }
    }

    /// <summary>Waits until all blocks are in the file.</summary>
    public void Drain()
    {
        Hand();
        lock (_gate)
        {
            while (_failure is null && (_full.Count > 0 || _busy > 0))
            {
                Monitor.Wait(_gate);
            }

            ThrowIfFailed();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _open?.Dispose();
        _open = null;
        foreach (BlockBuffer buffer in _full.Concat(_idle))
        {
            buffer.Dispose();
        }

        _full.Clear();
        _idle.Clear();
    }

    private void SetZero(ulong page)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            ref WrittenPage known = ref Pages[page];
            WrittenPage before = known;
            known = WrittenPage.Zero;
            Blocks.Release(before);
        }
    }

    private void Hand()
    {
        if (_open is { } open)
        {
            _open = null;
            lock (_gate)
            {
                _full.Enqueue(open);
                Monitor.PulseAll(_gate);
            }
        }
    }

    private BlockBuffer TakeBuffer()
    {
        lock (_gate)
        {
            while (_idle.Count == 0 && _buffers == _mostBuffers && _failure is null)
            {
                Monitor.Wait(_gate);
            }

            ThrowIfFailed();
            if (!_idle.TryPop(out BlockBuffer? buffer))
            {
                buffer = new BlockBuffer(_blockPages, _pageSize);
                _buffers++;
            }

            (buffer.Block, buffer.Count) = (Blocks.Open(), 0);
            return buffer;
        }
    }

    private void Work()
    {
        int room = _blockPages * _pageSize;
        byte* packed = (byte*)NativeMemory.Alloc((nuint)room);
        IPageCompressor? compressor = null;
        try
        {
            compressor = _compressors?.Take();
            while (TakeFull() is { } buffer)
            {
                try
                {
                    _packer.Store(buffer, compressor, new Span<byte>(packed, room)); // as many as were allocated, freed below
                }
                finally
                {
                    lock (_gate)
                    {
                        _idle.Push(buffer);
                        _busy--;
                        Monitor.PulseAll(_gate);
                    }
                }
            }
        }
        catch (Exception exception) // told to the thread that writes; a thread's own would end the process
        {
            lock (_gate)
            {
                _failure ??= exception;
                Monitor.PulseAll(_gate);
            }
        }
        finally
        {
            NativeMemory.Free(packed);
            if (compressor is not null)
            {
                _compressors!.Return(compressor);
            }
        }
    }

    private BlockBuffer? TakeFull()
    {
        lock (_gate)
        {
            while (_full.Count == 0 && !_ended && _failure is null)
            {
                Monitor.Wait(_gate);
            }

            if (_ended || _failure is not null)
            {
                return null;
            }

            _busy++;
            return _full.Dequeue();
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new IOException(failure.Message, failure);
        }
    }
}
