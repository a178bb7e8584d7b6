using System.Buffers.Binary;
using System.Collections.Concurrent;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Service.Support;

/// <summary>Pages at a source that answers as it is told: a page's content follows from its number.</summary>
internal sealed class FakePages : IMigratedPages
{
    public const int Page = 4096;

    private readonly SourceRunKind[] _kinds;
    private volatile IOException? _gone;

    public FakePages(int pages, SourceRunKind kind = SourceRunKind.Data)
    {
        _kinds = new SourceRunKind[pages];
        _kinds.AsSpan().Fill(kind);
    }

    /// <summary>What was read, in order.</summary>
    public ConcurrentQueue<FakeRead> Reads { get; } = [];

    /// <summary>What holds up reads that nobody waits for, if anything.</summary>
    public Barrier? Ahead { get; set; }

    /// <summary>What holds up reads that somebody waits for, if anything.</summary>
    public Barrier? Awaited { get; set; }

    /// <summary>Pages whose reading fails; from then on they are told to be poisoned.</summary>
    public ConcurrentDictionary<int, bool> Unreadable { get; } = [];

    public ulong MissingBytes => (ulong)_kinds.Count(kind => kind == SourceRunKind.Data) * Page;

    public ulong Length => (ulong)_kinds.Length * Page;

    public SourceRunKind this[int page]
    {
        get => _kinds[page];
        set => _kinds[page] = value;
    }

    public static byte[] Content(int page)
    {
        byte[] content = new byte[Page];
        new Random(page).NextBytes(content);
        BinaryPrimitives.WriteInt64LittleEndian(content, page + 1);
        return content;
    }

    public void GiveUp(string reason) => _gone = new IOException(reason);

    public SourceRun GetRun(ulong offset, ulong length)
    {
        int first = (int)(offset / Page);
        int end = first + 1;
        while (end < _kinds.Length && (ulong)end * Page < offset + length && _kinds[end] == _kinds[first])
        {
            end++;
        }

        return new SourceRun(Math.Min(length, ((ulong)end * Page) - offset), _kinds[first]);
    }

    public void Read(ulong offset, Span<byte> destination)
    {
        byte[] bytes = new byte[destination.Length];
        ReadAsync(offset, bytes, isAwaited: true, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        bytes.CopyTo(destination);
    }

    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadAsync(offset, destination, isAwaited: true, cancellation);

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        int first = (int)(offset / Page);
        int count = destination.Length / Page;
        Assert.Equal(0, destination.Length % Page);
        Reads.Enqueue(new FakeRead(first, count, isAwaited));
        if ((isAwaited ? Awaited : Ahead) is { } barrier)
        {
            await barrier.PassAsync().WaitAsync(cancellation);
        }

        for (int index = 0; index < count; index++)
        {
            int page = first + index;
            if (_gone is { } gone)
            {
                throw new IOException(gone.Message, gone);
            }

            if (Unreadable.ContainsKey(page))
            {
                _kinds[page] = SourceRunKind.Poisoned;
                throw new IOException($"page {page} cannot be read");
            }

            Content(page).CopyTo(destination.Slice(index * Page, Page));
        }
    }

    public void Dispose()
    {
        // It holds nothing.
    }
}

/// <summary>A read that was asked for.</summary>
internal sealed record FakeRead(int First, int Count, bool IsAwaited);
