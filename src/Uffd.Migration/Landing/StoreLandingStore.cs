using System.Runtime.InteropServices;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// The store as the workload sees it: what is missing is fetched by who reads it, ahead of all that nobody waits for, and kept. When everything is here
/// nothing stands between the workload and its store any more.
/// </summary>
internal sealed class StoreLandingStore(IPageStore store, StoreLandingPages pages, StoreLandingKeeper keeper, Action closed) : IPageStore
{
    private const int MaxRun = 256;
    private const int Reads = 16;

    private IMigratedPages? _source;
    private long _faults;

    public long Faults => Interlocked.Read(ref _faults);

    public ulong Length => store.Length;

    /// <summary>While pages are missing a read takes its time.</summary>
    public int Concurrency => pages.IsPlain ? store.Concurrency : Math.Max(Reads, store.Concurrency);

    public void Switch(IMigratedPages source) => Volatile.Write(ref _source, source);

    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (pages.IsPlain || offset >= Length)
        {
            return store.GetRun(offset, length);
        }

        long first = (long)(offset >> WirePage.Shift);
        LandedPage kind = pages.Look(first, (int)Math.Min(CountPages(offset, length), MaxRun), out int same);
        ulong run = Math.Min(length, ((ulong)(first + same) << WirePage.Shift) - offset);
        return kind switch
        {
            LandedPage.Here => store.GetRun(offset, run),
            LandedPage.Lost => new SourceRun(run, SourceRunKind.Poisoned),
            _ => new SourceRun(run, SourceRunKind.Data),
        };
    }

    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        ulong count = length == 0 ? 0 : CountPages(offset, length);
        if (pages.IsPlain || (count <= MaxRun && offset < Length && pages.Look((long)(offset >> WirePage.Shift), (int)count, out int same) == LandedPage.Here && (ulong)same == count))
        {
            return store.GetDirect(offset, length, out address);
        }

        address = 0;
        return DirectAccess.None;
    }

    public void Read(ulong offset, Span<byte> destination)
    {
        bool waited = false;
        while (!pages.IsPlain && destination.Length > 0 && offset < Length)
        {
            Piece piece = Next(offset, destination.Length, ref waited);
            switch (piece.Kind)
            {
                case LandedPage.Here:
                    store.Read(offset, destination[..piece.Bytes]);
                    break;
                case LandedPage.Missing when piece.IsWhole:
                    Fetch(piece, destination[..piece.Bytes]);
                    break;
                case LandedPage.Missing:
                    FetchPart(piece, destination[..piece.Bytes], offset);
                    break;
                default:
                    piece.Busy!.GetAwaiter().GetResult();
                    continue;
            }

            offset += (ulong)piece.Bytes;
            destination = destination[piece.Bytes..];
        }

        if (destination.Length > 0)
        {
            store.Read(offset, destination);
        }
    }

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        bool waited = false;
        while (!pages.IsPlain && destination.Length > 0 && offset < Length)
        {
            Piece piece = Next(offset, destination.Length, ref waited);
            switch (piece.Kind)
            {
                case LandedPage.Here:
                    await store.ReadAnyAsync(offset, destination[..piece.Bytes], cancellation).ConfigureAwait(false);
                    break;
                case LandedPage.Missing when piece.IsWhole:
                    await FetchAsync(piece, destination[..piece.Bytes], cancellation).ConfigureAwait(false);
                    break;
                case LandedPage.Missing:
                    await FetchPartAsync(piece, destination[..piece.Bytes], offset, cancellation).ConfigureAwait(false);
                    break;
                default:
                    await piece.Busy!.WaitAsync(cancellation).ConfigureAwait(false);
                    continue;
            }

            offset += (ulong)piece.Bytes;
            destination = destination[piece.Bytes..];
        }

        if (destination.Length > 0)
        {
            await store.ReadAnyAsync(offset, destination, cancellation).ConfigureAwait(false);
        }
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        this.RequirePages(offset, source.Length);
        while (!pages.IsPlain && source.Length > 0 && !pages.TryEnterWrite((long)(offset >> WirePage.Shift), source.Length >> WirePage.Shift, out Task? busy))
        {
            busy.GetAwaiter().GetResult();
        }

        store.Write(offset, source);
    }

    public async ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        this.RequirePages(offset, source.Length);
        while (!pages.IsPlain && source.Length > 0 && !pages.TryEnterWrite((long)(offset >> WirePage.Shift), source.Length >> WirePage.Shift, out Task? busy))
        {
            await busy.WaitAsync(cancellation).ConfigureAwait(false);
        }

        await store.WriteAnyAsync(offset, source, cancellation).ConfigureAwait(false);
    }

    public void Flush() => store.Flush();

    public void Dispose() => closed();

    private static ulong CountPages(ulong offset, ulong length) => ((offset % WirePage.Bytes) + Math.Min(length, 1UL << 60) + WirePage.Bytes - 1) >> WirePage.Shift;

    /// <summary>How the next bytes are had. What is missing is claimed when this returns.</summary>
    private Piece Next(ulong offset, int length, ref bool waited)
    {
        int within = (int)(offset % WirePage.Bytes);
        bool isWhole = within == 0 && length >= WirePage.Bytes;
        int count = isWhole ? Math.Min(length >> WirePage.Shift, MaxRun) : 1;
        long first = (long)(offset >> WirePage.Shift);
        LandedPage kind = pages.Enter(first, count, out int same, out Task? busy);
        if (kind == LandedPage.Lost)
        {
            throw new IOException($"the page at offset {(ulong)first << WirePage.Shift} was lost when the memory moved here: it could not be read where it was");
        }

        if (kind != LandedPage.Here && !waited)
        {
            waited = true;
            Interlocked.Increment(ref _faults);
        }

        return new Piece(kind, first, same, Math.Min(length, (same << WirePage.Shift) - within), isWhole, busy);
    }

    private void Fetch(Piece piece, Span<byte> destination)
    {
        try
        {
            _source!.Read((ulong)piece.First << WirePage.Shift, destination);
            keeper.Keep(piece.First, destination, LandedPage.Demanded);
        }
        finally
        {
            pages.Release(piece.First, piece.Count, LandedPage.Demanded);
        }
    }

    private async ValueTask FetchAsync(Piece piece, Memory<byte> destination, CancellationToken cancellation)
    {
        try
        {
            // As one that is awaited, and not to go on where the connection is read: whoever waits may touch the next page there.
            await _source!.ReadAsync((ulong)piece.First << WirePage.Shift, destination, cancellation).ConfigureAwait(false);
            await keeper.KeepAsync(piece.First, destination, LandedPage.Demanded).ConfigureAwait(false);
        }
        finally
        {
            pages.Release(piece.First, piece.Count, LandedPage.Demanded);
        }
    }

    private void FetchPart(Piece piece, Span<byte> destination, ulong offset)
    {
        var page = new FetchBuffer(WirePage.Bytes);
        try
        {
            Fetch(piece, page.Memory.Span);
            page.Memory.Span.Slice((int)(offset % WirePage.Bytes), destination.Length).CopyTo(destination);
        }
        finally
        {
            page.Free();
        }
    }

    private async ValueTask FetchPartAsync(Piece piece, Memory<byte> destination, ulong offset, CancellationToken cancellation)
    {
        var page = new FetchBuffer(WirePage.Bytes);
        try
        {
            await FetchAsync(piece, page.Memory, cancellation).ConfigureAwait(false);
            page.Memory.Slice((int)(offset % WirePage.Bytes), destination.Length).CopyTo(destination);
        }
        finally
        {
            page.Free();
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Piece(LandedPage Kind, long First, int Count, int Bytes, bool IsWhole, Task? Busy);
}
