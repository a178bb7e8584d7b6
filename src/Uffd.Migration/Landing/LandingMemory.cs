using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Paging;
using Uffd.Processes;
using Uffd.Snapshots;

namespace Uffd.Migration;

/// <summary>
/// The memory before the switch: pages that come for the first time are copied in by the kernel (UFFDIO_COPY, which does not clear them first and is the quickest way
/// into fresh memory that was measured), those that come again are written over.
/// </summary>
internal sealed class LandingMemory : IDisposable
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly MemoryMapping _mapping;
    private readonly Userfaultfd _filling; // without events: nobody reads it
    private readonly PageBitmap _there;
    private readonly MemoryAdvice _discard;

    /// <param name="mapping">The memory; nobody else uses it. Not owned.</param>
    /// <exception cref="ArgumentException">It is memory of another kind than can be used.</exception>
    /// <exception cref="UffdException">It cannot be registered.</exception>
    public LandingMemory(MemoryMapping mapping)
    {
        if (PageSize != WirePage.Bytes || mapping.PageSize != WirePage.Bytes)
        {
            throw new ArgumentException($"pages land in memory of pages of {WirePage.Bytes} bytes, and this has pages of {mapping.PageSize}", nameof(mapping));
        }

        MappedRegion? region = MemoryMap.Read(Environment.ProcessId).Find(mapping.Address);
        if (region is { IsFile: true, IsShared: false })
        {
            throw new ArgumentException("what is discarded of a private mapping of a file is the file's again: pages land in anonymous or shared memory", nameof(mapping));
        }

        _mapping = mapping;
        _discard = region?.IsShared == true ? MemoryAdvice.Remove : MemoryAdvice.DontNeed;
        _there = new PageBitmap((long)(mapping.Length / PageSize));
        _filling = Userfaultfd.Create();
        try
        {
            mapping.Advise(_discard);
            _filling.Register(mapping.Range, UffdRegisterModes.Missing);
        }
        catch
        {
            _filling.Dispose();
            throw;
        }
    }

    /// <summary>Takes pages in.</summary>
    /// <exception cref="UffdException">There is no memory for them.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> pages)
    {
        (long page, long end) = PagesOf(offset, (ulong)pages.Length);
        for (long first = page; page < end;)
        {
            long next = _there.FindSet(page, end);
            if (next > page)
            {
                CopyIn(page, Slice(pages, page - first, next - first));
            }

            page = _there.FindClear(next, end);
            if (page > next)
            {
                Slice(pages, next - first, page - first).CopyTo(At(next, page)); // there, so that a touch cannot fault into a handler
            }
        }

        static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> pages, long from, long to) => pages[(int)((ulong)from * PageSize)..(int)((ulong)to * PageSize)];
    }

    /// <summary>Makes pages zeros again: they are not there any more.</summary>
    public void Clear(ulong offset, ulong length)
    {
        (long page, long end) = PagesOf(offset, length);
        if (_there.FindSet(page, end) < end)
        {
            _mapping.Advise(_discard, RangeOf(page, end));
            _there.Clear(page, end);
        }
    }

    /// <summary>Discards those of some pages that are there, with few calls.</summary>
    /// <param name="missing">Runs of the memory, whole pages.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // as of SwitchPlan
    public void Discard(IReadOnlyList<SourceRange> missing)
    {
        var stale = new List<AddressRange>();
        foreach (SourceRange run in missing)
        {
            (long page, long end) = PagesOf(run.Offset, run.Length);
            while ((page = _there.FindSet(page, end)) < end)
            {
                long next = _there.FindClear(page, end);
                stale.Add(RangeOf(page, next));
                page = next;
            }
        }

        if (stale.Count > 0)
        {
            _mapping.Advise(_discard, CollectionsMarshal.AsSpan(stale));
        }
    }

    /// <summary>Lets the memory go: what is not there is zeros when it is touched, until another userfaultfd has it.</summary>
    public void Dispose() => _filling.Dispose();

    private unsafe void CopyIn(long page, ReadOnlySpan<byte> pages)
    {
        long end = page + (pages.Length / (int)PageSize);
        fixed (byte* bytes = pages) // pinned for the calls, which read no further than its end
        {
            ulong done = 0;
            for (AddressRange rest = RangeOf(page, end); !rest.IsEmpty; rest = RangeOf(page, end).Skip(done))
            {
                UffdResult result = _filling.CopyAll(rest, (ulong)bytes + done);
                done += result.Bytes;
                if (result.Errno == Errno.EEXIST)
                {
                    long there = page + (long)(done / PageSize);
                    pages.Slice((int)done, (int)PageSize).CopyTo(At(there, there + 1)); // the kernel says that it is there
                    done += PageSize;
                }
                else if (!result.IsComplete)
                {
                    throw new UffdException($"pages cannot be kept at {rest.Start + result.Bytes:x}", result.Errno);
                }
            }
        }

        _there.Set(page, end);
    }

    private Span<byte> At(long page, long end) => _mapping.AsSpan((ulong)page * PageSize, checked((int)((ulong)(end - page) * PageSize)));

    private AddressRange RangeOf(long page, long end) => new(_mapping.Address + ((ulong)page * PageSize), (ulong)(end - page) * PageSize);

    private (long First, long End) PagesOf(ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, _mapping.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _mapping.Length - offset);
        return ((offset | length) & (PageSize - 1)) == 0
            ? ((long)(offset / PageSize), (long)((offset + length) / PageSize))
            : throw new ArgumentException($"{length} bytes at {offset} are not whole pages", nameof(offset));
    }
}
