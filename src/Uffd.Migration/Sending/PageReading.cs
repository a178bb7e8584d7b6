using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Reads a run of pages and finds out what each is. Of one thread.</summary>
internal sealed class PageReading
{
    private readonly byte[] _basePage = new byte[WirePage.Bytes];
    private readonly PageKind[] _kinds = new PageKind[PagesHead.MaxPages];

    /// <summary>The kind of each page of the last run.</summary>
    public ReadOnlySpan<PageKind> Kinds => _kinds.AsSpan(0, Pages);

    public int Pages { get; private set; }

    /// <summary>How many of them have content.</summary>
    public int DataPages { get; private set; }

    /// <summary>How many cannot be read.</summary>
    public int LostPages { get; private set; }

    /// <summary>Reads them; afterwards the content of those that are data stands together at the start of <paramref name="data"/>, and that of pages equal to the base's nowhere.</summary>
    /// <param name="region">The region.</param>
    /// <param name="first">The first page.</param>
    /// <param name="pages">How many, at most <see cref="PagesHead.MaxPages"/>.</param>
    /// <param name="data">Room for all.</param>
    /// <param name="checksums">Receives the checksum of each page, by its place in the run, where it has one.</param>
    public void Read(SourceRegion region, ulong first, int pages, Span<byte> data, Span<uint> checksums)
    {
        Pages = pages;
        LostPages = 0;
        for (int page = 0; page < pages;)
        {
            page = ReadRun(region, first, page, data);
        }

        Sort(region, first, data, checksums);
    }

    private static Span<byte> PageOf(Span<byte> data, int page) => data.Slice(page * WirePage.Bytes, WirePage.Bytes);

    private int ReadRun(SourceRegion region, ulong first, int page, Span<byte> data)
    {
        ulong offset = (first + (ulong)page) << WirePage.Shift;
        SourceRun run = region.Memory.GetRun(offset, (ulong)(Pages - page) << WirePage.Shift);
        int whole = (int)Math.Min((ulong)(Pages - page), run.Length >> WirePage.Shift);
        PageKind kind = whole == 0 ? PageKind.Data : run.Kind switch
        {
            SourceRunKind.Zero or SourceRunKind.Hole => PageKind.Zero,
            SourceRunKind.Poisoned => PageKind.Poisoned,
            _ => PageKind.Data,
        };
        int end = page + Math.Max(1, whole); // a page with several kinds in it is read, which tells if it can be
        _kinds.AsSpan(page, end - page).Fill(kind);
        LostPages += kind == PageKind.Poisoned ? end - page : 0;
        if (kind == PageKind.Data && !TryRead(region, offset, data[(page * WirePage.Bytes)..(end * WirePage.Bytes)]))
        {
            ReadEach(region, first, page, end, data);
        }

        return end;
    }

    private void ReadEach(SourceRegion region, ulong first, int page, int end, Span<byte> data)
    {
        for (; page < end; page++)
        {
            if (!TryRead(region, (first + (ulong)page) << WirePage.Shift, PageOf(data, page)))
            {
                _kinds[page] = PageKind.Poisoned;
                LostPages++;
            }
        }
    }

    private static bool TryRead(SourceRegion region, ulong offset, Span<byte> destination)
    {
        try
        {
            region.Memory.Read(offset, destination);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Leaves out what need not be sent.</summary>
    private void Sort(SourceRegion region, ulong first, Span<byte> data, Span<uint> checksums)
    {
        DataPages = 0;
        Span<uint> compact = stackalloc uint[PagesHead.MaxPages];
        for (int page = 0; page < Pages; page++)
        {
            if (_kinds[page] != PageKind.Data)
            {
                continue;
            }

            Span<byte> content = PageOf(data, page);
            _kinds[page] = IsZero(content) ? PageKind.Zero : IsBase(region, first + (ulong)page, content) ? PageKind.Base : PageKind.Data;
            if (_kinds[page] == PageKind.Base)
            {
                PageChecksums.Compute(content, checksums.Slice(page, 1));
            }
            else if (_kinds[page] == PageKind.Data)
            {
                if (DataPages != page)
                {
                    content.CopyTo(PageOf(data, DataPages));
                }

                DataPages++;
            }
        }

        PageChecksums.Compute(data[..(DataPages * WirePage.Bytes)], compact);
        for (int page = 0, at = 0; at < DataPages; page++)
        {
            if (_kinds[page] == PageKind.Data)
            {
                checksums[page] = compact[at++];
            }
        }
    }

    private static bool IsZero(ReadOnlySpan<byte> page) => page[0] == 0 && !page.ContainsAnyExcept((byte)0);

    private bool IsBase(SourceRegion region, ulong page, ReadOnlySpan<byte> content)
    {
        ulong offset = page << WirePage.Shift;
        if (!region.IsBaseThere || region.Base is not { } known || offset >= known.Pages.Length)
        {
            return false;
        }

        try
        {
            known.Pages.Read(offset, _basePage);
            return content.SequenceEqual(_basePage);
        }
        catch (IOException)
        {
            return false; // it is sent, then
        }
    }
}
