using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <content>Copies, in steps: each enters what it touches, and brings what is not here between two of them.</content>
public sealed unsafe partial class PagedMemory
{
    /// <summary>The most bytes that are touched in one step: a page that is to be saved waits for the steps in it.</summary>
    internal const int StepBytes = 64 << 10;

    private const int RunBytes = 1 << 20; // what one call brings
    private const int PatientTries = 3;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private T ReadSlowly<T>(long at)
        where T : unmanaged
    {
        T value;
        CopyOut(at, new Span<byte>(&value, sizeof(T))); // a local of this frame
        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CopyOut(long at, Span<byte> destination)
    {
        int done = 0;
        for (int tries = 0; done < destination.Length;)
        {
            int step = TryCopyOut(at + done, destination[done..], tries);
            if (step == 0)
            {
                MakeReady(at + done, destination.Length - done, tries, write: false);
            }

            done += step;
            tries = Tries(tries, step, at + done);
        }
    }

    /// <summary>Copies the next step out; 0 when a page of it is not here.</summary>
    private int TryCopyOut(long at, Span<byte> destination, int tries)
    {
        int step = TryEnter(at, destination.Length, tries, PageBits.Ready, out ThreadSlot* slot);
        if (step > 0)
        {
            new ReadOnlySpan<byte>(_base + at, step).CopyTo(destination); // entered: all of it is here
            ThreadSlots.Leave(ref *slot);
        }

        GC.KeepAlive(this);
        return step;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CopyIn(long at, ReadOnlySpan<byte> source)
    {
        int done = 0;
        for (int tries = 0; done < source.Length;)
        {
            int step = TryCopyIn(at + done, source[done..], tries);
            if (step == 0)
            {
                step = PutPages(at + done, source[done..]);
            }

            if (step == 0)
            {
                MakeReady(at + done, source.Length - done, tries, write: true);
            }

            done += step;
            tries = Tries(tries, step, at + done);
        }
    }

    /// <summary>Copies the next step in; 0 when a page of it is not here, or not known to be written.</summary>
    private int TryCopyIn(long at, ReadOnlySpan<byte> source, int tries)
    {
        if (_permit.Refusal is { } refusal)
        {
            throw refusal;
        }

        int step = TryEnter(at, source.Length, tries, PageBits.Ready | PageBits.Dirty, out ThreadSlot* slot);
        if (step > 0)
        {
            source[..step].CopyTo(new Span<byte>(_base + at, step)); // entered: all of it is here
            ThreadSlots.Leave(ref *slot);
        }

        GC.KeepAlive(this);
        return step;
    }

    /// <summary>Enters the next step; 0 when a page of it is not as it must be.</summary>
    private int TryEnter(long at, int length, int tries, byte bits, out ThreadSlot* entered)
    {
        int step = StepAt(at, length, tries);
        ref ThreadSlot slot = ref ThreadSlots.Current;
        entered = (ThreadSlot*)Unsafe.AsPointer(ref slot); // native memory, and this thread's
        ThreadSlots.Enter(ref slot, (ulong)(_base + at), (ulong)step);
        if (HaveAll(at >> _shift, ((at + step - 1) >> _shift) + 1, bits))
        {
            return step;
        }

        ThreadSlots.Leave(ref slot);
        return 0;
    }

    /// <summary>
    /// How long the next step is. It ends where a multiple of its size does. Who comes back several times in vain, because others need the room, is
    /// content with a page: to bring more would only drive out the first of them again.
    /// </summary>
    private int StepAt(long at, int length, int tries)
    {
        int most = tries < PatientTries ? StepBytes : _pageSize;
        return (int)Math.Min(length, most - (at & (most - 1)));
    }

    /// <summary>How much to bring at once: much the first time, but never so much that its end drives out its beginning; then only the next step.</summary>
    private int RunAt(long at, int length, int tries)
        => tries == 0 ? (int)Math.Min((ulong)Math.Min(length, RunBytes), _region.MemoryLimit / 4) : StepAt(at, length, tries);

    /// <summary>Patience that is lost comes back with the next whole step, and not with each page: it is dear where there is little room.</summary>
    private static int Tries(int tries, int step, long reached) => step == 0 ? tries + 1 : (reached & (StepBytes - 1)) == 0 ? 0 : tries;

    private void MakeReady(long at, int length, int tries, bool write)
        => _region.MakeReady(at >> _shift, ((at + RunAt(at, length, tries) - 1) >> _shift) + 1, write);

    /// <summary>Pages that are absent and written whole need not be read first.</summary>
    private int PutPages(long at, ReadOnlySpan<byte> source)
    {
        int count = source.Length >> _shift;
        if (count == 0 || (at & (_pageSize - 1)) != 0)
        {
            return 0;
        }

        fixed (byte* bytes = source)
        {
            return _region.Put(at >> _shift, count, (ulong)bytes) << _shift; // the kernel copies count pages of them at the most
        }
    }
}
