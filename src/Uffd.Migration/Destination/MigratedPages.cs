using System.Globalization;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>The pages of one region that were at the source at the switch.</summary>
internal sealed class MigratedPages : IMigratedPages
{
    private const int RequestBytes = (int)BackgroundFill.RemoteRunBytes; // as much as the pager's background fill asks for at once

    private readonly MigrationRegion _region;
    private readonly RequestTable _requests;
    private readonly Tally _tally;
    private readonly Lock _poisoning = new();
    private volatile bool _isLost;

    public MigratedPages(MigrationRegion region, RequestTable requests, Tally tally, int concurrency)
    {
        (_region, _requests, _tally, Concurrency) = (region, requests, tally, concurrency);
        ulong pages = region.Length >> WirePage.Shift;
        Missing = new PageSet(pages);
        Poisoned = new PageSet(pages);
    }

    /// <inheritdoc/>
    public ulong Length => _region.Length;

    /// <inheritdoc/>
    public int Concurrency { get; }

    /// <inheritdoc/>
    public ulong MissingBytes => Missing.Count << WirePage.Shift;

    /// <summary>What was missing at the switch. Does not change after it.</summary>
    public PageSet Missing { get; }

    /// <summary>What is lost.</summary>
    public PageSet Poisoned { get; }

    public static int ConcurrencyFor(ulong windowBytes, int streams) => (int)Math.Clamp((streams == 1 ? Math.Min(windowBytes, 1 << 20) : windowBytes) / RequestBytes, 4, 4096);

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        ulong page = offset >> WirePage.Shift;
        ulong end = Math.Min(Missing.Pages, (offset + length + WirePage.Bytes - 1) >> WirePage.Shift);
        if (page >= end)
        {
            return new SourceRun(length, SourceRunKind.Hole);
        }

        bool isLost = Poisoned.Contains(page), isMissing = Missing.Contains(page);
        ulong same = Math.Min(Poisoned.Find(page, end, !isLost), Missing.Find(page, end, !isMissing));
        SourceRunKind kind = isLost || (isMissing && _isLost) ? SourceRunKind.Poisoned : isMissing ? SourceRunKind.Data : SourceRunKind.Hole;
        return new SourceRun(Math.Min(length, (same << WirePage.Shift) - offset), kind);
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        byte[] bytes = new byte[destination.Length];
        ReadAsync(offset, bytes, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        bytes.CopyTo(destination);
    }

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
        => ReadAsync(offset, destination, isAwaited: true, endsHere: false, cancellation);

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
        => ReadAsync(offset, destination, isAwaited, endsHere: true, cancellation);

    /// <inheritdoc/>
    public void Expedite(ulong offset, int length)
    {
        _tally.Faulted();
        _requests.Expedite(_region.Index, offset >> WirePage.Shift);
    }

    /// <summary>Notes that pages are lost.</summary>
    public void Poison(ulong page, ulong count)
    {
        lock (_poisoning)
        {
            _tally.Poisoned((long)Poisoned.Add(page, count));
        }
    }

    /// <summary>The source is gone: what is told as data from now on is not to be had.</summary>
    public void Lose() => _isLost = true;

    /// <summary>Leaves the migration as it is.</summary>
    public void Dispose()
    {
    }

    private ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, bool endsHere, CancellationToken cancellation)
    {
        if (isAwaited)
        {
            _tally.Faulted();
        }

        ulong page = offset >> WirePage.Shift;
        ulong end = (offset + (ulong)destination.Length + WirePage.Bytes - 1) >> WirePage.Shift;
        bool isPlain = (offset & (WirePage.Bytes - 1)) == 0 && end - page <= PagesHead.MaxPages && end <= Missing.Pages
            && Missing.Find(page, end, isIn: false) == end && Poisoned.Find(page, end, isIn: true) == end;
        return isPlain && !destination.IsEmpty
            ? new ValueTask(Ask(page, (int)(end - page), destination, isAwaited, endsHere, cancellation))
            : new ValueTask(ReadPiecesAsync(offset, destination, isAwaited, cancellation));
    }

    private Task Ask(ulong page, int pages, Memory<byte> destination, bool isAwaited, bool endsHere, CancellationToken cancellation)
        => _requests.Ask(new WantMessage(0, _region.Index, page, pages, isAwaited), destination, endsHere, cancellation);

    /// <summary>A read that is not just pages of data: its runs one after the other.</summary>
    private async Task ReadPiecesAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        while (!destination.IsEmpty)
        {
            SourceRun run = GetRun(offset, (ulong)destination.Length);
            ulong inPage = offset & (WirePage.Bytes - 1);
            ulong most = inPage == 0 && run.Length >= WirePage.Bytes ? Math.Min(run.Length & ~(ulong)(WirePage.Bytes - 1), FrameHeader.MaxDataBytes) : Math.Min(run.Length, WirePage.Bytes - inPage);
            Memory<byte> piece = destination[..(int)most];
            if (run.Kind == SourceRunKind.Poisoned)
            {
                throw Lost(_region, offset >> WirePage.Shift);
            }

            if (run.Kind == SourceRunKind.Hole)
            {
                piece.Span.Clear();
            }
            else if (inPage == 0)
            {
                await Ask(offset >> WirePage.Shift, (int)((most + WirePage.Bytes - 1) >> WirePage.Shift), piece, isAwaited, endsHere: false, cancellation).ConfigureAwait(false);
            }
            else
            {
                byte[] whole = new byte[WirePage.Bytes];
                await Ask(offset >> WirePage.Shift, 1, whole, isAwaited, endsHere: false, cancellation).ConfigureAwait(false);
                whole.AsMemory((int)inPage, piece.Length).CopyTo(piece);
            }

            offset += most;
            destination = destination[(int)most..];
        }
    }

    /// <summary>What who reads a lost page is told.</summary>
    public static IOException Lost(MigrationRegion region, ulong page)
        => new(string.Create(CultureInfo.InvariantCulture, $"{region.Name}: the page at {page * WirePage.Bytes:x} was lost: the source could not read it"));
}
