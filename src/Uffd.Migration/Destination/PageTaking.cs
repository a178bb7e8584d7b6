namespace Uffd.Migration;

/// <summary>What the destination does with frames of pages: before the switch they land; after it they go to who asked for them.</summary>
internal sealed class PageTaking(IReadOnlyList<DestinationRegion> regions, RequestTable requests, Tally tally)
{
    private long _received;

    /// <summary>Bytes that came because they were asked for.</summary>
    public long ReceivedBytes => Volatile.Read(ref _received);

    /// <summary>Before the switch.</summary>
    public void Land(PageReceiver receiver, in FrameHeader header, ReadOnlySpan<byte> head, FrameReader reader)
    {
        receiver.Parse(head, header.DataBytes);
        PagesHead pages = receiver.Head;
        if (pages.Request != 0)
        {
            throw WireException.Violation("pages that nobody asked for came as an answer");
        }

        receiver.Receive(reader, header.DataBytes);
        try
        {
            Put(receiver, regions[pages.Region].Landing);
        }
        catch (Exception exception) when (exception is not WireException)
        {
            throw new LandingException(exception);
        }

        tally.Moved((long)pages.Pages * WirePage.Bytes);
    }

    private static void Put(PageReceiver receiver, IMigrationLanding landing)
    {
        PagesHead pages = receiver.Head;
        Span<byte> data = receiver.Data;
        for (int page = 0; page < pages.Pages;)
        {
            int end = EndOf(pages, page);
            ulong offset = (pages.FirstPage + (ulong)page) << WirePage.Shift;
            int bytes = (end - page) * WirePage.Bytes;
            switch (pages.Kinds[page])
            {
                case PageKind.Data:
                    landing.Write(offset, data[..bytes]);
                    data = data[bytes..];
                    break;
                case PageKind.Zero:
                    landing.Clear(offset, (ulong)bytes);
                    break;
                case PageKind.Base:
                    LandBase(receiver, landing, page, end);
                    break;
                default:
                    break; // the switch tells, for it may be written until then
            }

            page = end;
        }
    }

    /// <summary>After the switch.</summary>
    public void Answer(PageReceiver receiver, in FrameHeader header, ReadOnlySpan<byte> head, FrameReader reader)
    {
        receiver.Parse(head, header.DataBytes);
        PagesHead pages = receiver.Head;
        if (requests.Take(pages.Request) is not { } request)
        {
            reader.Skip(header.DataBytes); // nobody wants it any more, or it came twice
            return;
        }

        Exception? failure;
        try
        {
            WantMessage want = request.Want;
            if (want.Region != pages.Region || want.FirstPage != pages.FirstPage || want.Pages != pages.Pages)
            {
                throw WireException.Violation("an answer is not of what was asked for");
            }

            failure = Receive(receiver, header, reader, request);
        }
        catch
        {
            requests.AskAgain(request);
            throw;
        }

        tally.Moved((long)pages.Pages * WirePage.Bytes);
        Interlocked.Add(ref _received, (long)pages.Pages * WirePage.Bytes);
        requests.Complete(request, failure);
    }

    private static int EndOf(PagesHead pages, int page)
    {
        int same = pages.Kinds[page..].IndexOfAnyExcept(pages.Kinds[page]);
        return same < 0 ? pages.Pages : page + same;
    }

    private static void LandBase(PageReceiver receiver, IMigrationLanding landing, int page, int end)
    {
        Span<byte> content = stackalloc byte[WirePage.Bytes];
        for (; page < end; page++)
        {
            receiver.ReadBase(page, content);
            landing.Write((receiver.Head.FirstPage + (ulong)page) << WirePage.Shift, content);
        }
    }

    private Exception? Receive(PageReceiver receiver, in FrameHeader header, FrameReader reader, PageRequest request)
    {
        PagesHead pages = receiver.Head;
        Span<byte> destination = request.Destination.Span;
        if (pages.DataPages == pages.Pages && !pages.IsCompressed && destination.Length == header.DataBytes)
        {
            receiver.ReceiveTo(reader, destination);
            return null;
        }

        receiver.Receive(reader, header.DataBytes);
        Span<byte> data = receiver.Data;
        Span<byte> content = stackalloc byte[WirePage.Bytes];
        Exception? failure = null;
        for (int page = 0; page < pages.Pages; page++)
        {
            switch (pages.Kinds[page])
            {
                case PageKind.Data:
                    data[..WirePage.Bytes].CopyTo(content);
                    data = data[WirePage.Bytes..];
                    break;
                case PageKind.Zero:
                    content.Clear();
                    break;
                case PageKind.Base:
                    receiver.ReadBase(page, content);
                    break;
                default:
                    regions[pages.Region].Pages.Poison(pages.FirstPage + (ulong)page, 1);
                    failure ??= MigratedPages.Lost(regions[pages.Region].Region, pages.FirstPage + (ulong)page);
                    break;
            }

            Span<byte> to = destination[Math.Min(page * WirePage.Bytes, destination.Length)..];
            content[..Math.Min(to.Length, WirePage.Bytes)].CopyTo(to);
        }

        return failure;
    }
}
