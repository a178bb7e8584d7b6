using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>
/// The states of a region's pages, a byte each: see <see cref="PageBits"/>. Pages that were never touched cost nothing. Every
/// change is one atomic step on the byte, so that whoever claims a page has it alone.
/// </summary>
/// <remarks>
/// The memory is not given back when the region is disposed, but when nothing refers to it any more: whoever still holds the
/// region's memory must find pages absent there, and not an address that is gone.
/// </remarks>
internal sealed unsafe class PageTable
{
    private readonly MemoryMapping _mapping;

    public PageTable(long pages)
    {
        Count = pages;
        _mapping = MemoryMapping.CreateAnonymous((ulong)pages + 64, new MemoryMappingOptions { NoReserve = true });
        States = (byte*)_mapping.Address;
    }

    /// <summary>How many pages.</summary>
    public long Count { get; }

    /// <summary>The bytes, for the paths that cannot afford a call. Valid as long as this object is referred to.</summary>
    public byte* States { get; }

    public ref byte this[long page]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            System.Diagnostics.Debug.Assert((ulong)page < (ulong)Count);
            return ref States[page]; // callers have checked the page against the region's length
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte Get(long page) => Volatile.Read(ref this[page]);

    /// <summary>Changes a page if it is still as it was seen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryChange(long page, byte from, byte to) => Interlocked.CompareExchange(ref this[page], to, from) == from;

    /// <summary>Sets and clears bits, whatever the others are; tells what was there before.</summary>
    public byte Change(long page, byte set, byte clear)
    {
        while (true)
        {
            byte seen = Get(page);
            if (TryChange(page, seen, (byte)((seen & ~clear) | set)))
            {
                return seen;
            }
        }
    }

    /// <summary>Forgets all: every page is absent.</summary>
    public void Clear() => _mapping.Advise(MemoryAdvice.DontNeed);
}
