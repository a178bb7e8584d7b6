using System.Numerics;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// Which pages were written since they were asked for last, while that is followed: a bit for each. One lock orders a note and the beginning: a write that is
/// not noted had ended before, so who reads after the beginning sees it.
/// </summary>
internal sealed class WrittenPages(ulong length)
{
    private readonly Lock _gate = new();
    private readonly ulong _pages = (length + WirePage.Bytes - 1) >> WirePage.Shift;
    private ulong[]? _bits;

    public void Start()
    {
        lock (_gate)
        {
            _bits = new ulong[checked((int)((_pages + 63) / 64))];
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _bits = null;
        }
    }

    public void Note(SourceRange range)
    {
        lock (_gate)
        {
            if (_bits is null || range.Length == 0)
            {
                return;
            }

            ulong end = Math.Min(_pages, (range.End + WirePage.Bytes - 1) >> WirePage.Shift);
            for (ulong page = range.Offset >> WirePage.Shift; page < end;)
            {
                ulong next = Math.Min(end, (page | 63) + 1);
                _bits[page / 64] |= ulong.MaxValue >> (int)(64 - (next - page)) << (int)(page % 64);
                page = next;
            }
        }
    }

    /// <summary>Tells them in order, neighbours as one, and forgets them.</summary>
    public void Take(ICollection<SourceRange> written)
    {
        ulong[]? bits;
        lock (_gate)
        {
            bits = _bits;
            _bits = bits is null ? null : new ulong[bits.Length];
        }

        var run = default(SourceRange);
        for (int index = 0; bits is not null && index < bits.Length; index++)
        {
            for (ulong left = bits[index]; left != 0;)
            {
                int first = BitOperations.TrailingZeroCount(left);
                int count = BitOperations.TrailingZeroCount(~(left >> first)); // the bits that come in from above are clear
                ulong offset = (((ulong)index * 64) + (ulong)first) << WirePage.Shift;
                ulong bytes = (ulong)count << WirePage.Shift;
                if (run.Length > 0 && run.End == offset)
                {
                    run = run with { Length = run.Length + bytes };
                }
                else
                {
                    Add(run, written);
                    run = new SourceRange(offset, bytes);
                }

                left = first + count >= 64 ? 0 : left >> (first + count) << (first + count);
            }
        }

        Add(run, written);
    }

    private static void Add(SourceRange run, ICollection<SourceRange> written)
    {
        if (run.Length > 0)
        {
            written.Add(run);
        }
    }
}
