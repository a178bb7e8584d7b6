namespace Uffd.Bench;

/// <summary>
/// Memory whose pages are taken out and brought in. Nothing here touches a page that is missing, so no fault is ever taken and nobody has
/// to answer one.
/// </summary>
internal sealed unsafe class PageMoves : IDisposable
{
    private readonly Userfaultfd userfaultfd;
    private readonly MemoryMapping area;
    private readonly MemoryMapping aside;
    private readonly MemoryMapping content;
    private readonly MemoryMapping buffer;
    private readonly AddressRange[] ranges;
    private readonly ulong page = (ulong)Environment.SystemPageSize;

    public PageMoves(int pages)
    {
        userfaultfd = Userfaultfd.Create(new UserfaultfdOptions
        {
            RequiredFeatures = UffdFeatures.PageFaultFlagWriteProtect | UffdFeatures.Move,
        });
        ranges = new AddressRange[pages];
        var length = (ulong)pages * page;
        area = Map(length);
        aside = Map(length);
        content = Map(length);
        buffer = Map(length);
        content.AsSpan().Fill(7);
        buffer.AsSpan().Fill(7);
        userfaultfd.Register(area.Range, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        userfaultfd.Register(aside.Range, UffdRegisterModes.Missing);
    }

    public void CopyIn(ulong at, ulong length) => userfaultfd.Copy(
        new AddressRange(area.Address + at, length), content.Address + at, UffdCopyModes.WriteProtect).ThrowIfIncomplete();

    public void MoveIn(ulong at, ulong length) =>
        userfaultfd.Move(new AddressRange(area.Address + at, length), aside.Address + at).ThrowIfIncomplete();

    public void MoveOut(ulong at, ulong length) =>
        userfaultfd.Move(new AddressRange(aside.Address + at, length), area.Address + at).ThrowIfIncomplete();

    public void CopyOut(ulong at, ulong length)
    {
        var range = new AddressRange(area.Address + at, length);
        userfaultfd.WriteProtect(range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();

        // Both are present and inside their mappings, which live as long as this object.
        Buffer.MemoryCopy((void*)range.Start, (void*)buffer.Address, length, length);
        area.Advise(MemoryAdvice.DontNeed, range);
    }

    /// <summary>Clean pages, as if they were no neighbours: every second of them, then the others.</summary>
    public void DiscardScattered(ulong at, ulong length)
    {
        var count = (int)(length / page);
        for (var i = 0; i < count; i++)
        {
            ranges[i] = Scattered(at, count, i);
        }

        area.Advise(MemoryAdvice.DontNeed, ranges.AsSpan(0, count));
    }

    /// <summary>Written pages that are no neighbours: each is protected by itself.</summary>
    public void CopyOutScattered(ulong at, ulong length)
    {
        var count = (int)(length / page);
        for (var i = 0; i < count; i++)
        {
            var range = Scattered(at, count, i);
            userfaultfd.WriteProtect(range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();

            // Present, as above; the buffer has a page for each of a batch.
            Buffer.MemoryCopy((void*)range.Start, (void*)(buffer.Address + ((ulong)i * page)), page, page);
        }

        DiscardScattered(at, length);
    }

    public void Unprotect() => userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();

    public void Dispose()
    {
        userfaultfd.Dispose();
        buffer.Dispose();
        content.Dispose();
        aside.Dispose();
        area.Dispose();
    }

    private AddressRange Scattered(ulong at, int count, int index)
    {
        var place = count == 1 ? 0 : 2 * index < count ? 2 * index : (2 * index) - count + 1;
        return new AddressRange(area.Address + at + ((ulong)place * page), page);
    }

    private static MemoryMapping Map(ulong length)
    {
        var mapping = MemoryMapping.CreateAnonymous(length);
        mapping.Advise(MemoryAdvice.NoHugePage);
        return mapping;
    }
}
