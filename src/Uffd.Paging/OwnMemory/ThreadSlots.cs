using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>Which addresses a thread is touching at this moment, told to whoever wants to take their pages away.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)] // a cache line: threads do not disturb each other
internal struct ThreadSlot
{
    /// <summary>The first address; 0 when the thread touches nothing.</summary>
    [FieldOffset(0)]
    public ulong Start;

    /// <summary>The first address behind. Written before <see cref="Start"/>.</summary>
    [FieldOffset(8)]
    public ulong End;
}

/// <summary>
/// A slot for each thread that touches paged memory. An access says in its slot where it is, then looks at the page's state; whoever
/// evicts changes the state, then looks at the slots. One of the two sees the other. The access pays two plain stores: the fence
/// that this needs is raised by the other side for all threads at once (<see cref="Interlocked.MemoryBarrierProcessWide"/>,
/// membarrier(2)), once for a whole batch of pages.
/// </summary>
internal static unsafe class ThreadSlots
{
    private const int SlotsOfAChunk = 128;

    private static readonly Lock Gate = new();
    private static readonly Stack<nint> Free = new();
    private static nint[] s_chunks = [];

    [ThreadStatic]
    private static ThreadSlot* t_slot;

    [ThreadStatic]
    [SuppressMessage("Performance", "CA1823", Justification = "its finalizer gives the slot back when the thread has ended")]
    private static Owner? t_owner;

    /// <summary>This thread's. It stays where it is as long as the thread lives; the memory of slots is never freed.</summary>
    public static ref ThreadSlot Current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ThreadSlot* slot = t_slot;
            return ref *(slot != null ? slot : Create());
        }
    }

    /// <summary>Tells that this thread is about to touch some bytes. Look at the state of their pages after this, not before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Enter(ref ThreadSlot slot, ulong start, ulong length)
    {
        slot.End = start + length;
        Volatile.Write(ref slot.Start, start);
    }

    /// <summary>Tells that it touches them no longer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Leave(ref ThreadSlot slot) => Volatile.Write(ref slot.Start, 0);

    /// <summary>Adds what threads are touching inside a range. Call it after the process-wide barrier.</summary>
    public static void Collect(AddressRange range, List<AddressRange> found)
    {
        foreach (nint chunk in Volatile.Read(ref s_chunks))
        {
            var slots = (ThreadSlot*)chunk; // a chunk has so many slots and is never freed
            for (int index = 0; index < SlotsOfAChunk; index++)
            {
                if (TryRead(ref slots[index], out ulong start, out ulong end) && start < range.End && end > range.Start)
                {
                    found.Add(AddressRange.FromBounds(start, end));
                }
            }
        }
    }

    /// <summary>A slot that changes while it is read belongs to an access that began after the states were changed: it will see them.</summary>
    private static bool TryRead(ref ThreadSlot slot, out ulong start, out ulong end)
    {
        start = Volatile.Read(ref slot.Start);
        end = Volatile.Read(ref slot.End);
        return start != 0 && end > start && Volatile.Read(ref slot.Start) == start;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ThreadSlot* Create()
    {
        lock (Gate)
        {
            if (Free.Count == 0)
            {
                nuint bytes = (nuint)(SlotsOfAChunk * sizeof(ThreadSlot));
                var chunk = (ThreadSlot*)NativeMemory.AlignedAlloc(bytes, (nuint)sizeof(ThreadSlot));
                NativeMemory.Clear(chunk, bytes);
                for (int index = SlotsOfAChunk - 1; index >= 0; index--)
                {
                    Free.Push((nint)(chunk + index));
                }

                Volatile.Write(ref s_chunks, [.. s_chunks, (nint)chunk]);
            }

            t_slot = (ThreadSlot*)Free.Pop();
            t_owner = new Owner((nint)t_slot);
            return t_slot;
        }
    }

    /// <summary>Its finalizer runs when the thread has ended.</summary>
    private sealed class Owner : SafeHandle
    {
        public Owner(nint slot)
            : base(invalidHandleValue: 0, ownsHandle: true)
            => SetHandle(slot);

        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            lock (Gate)
            {
                Free.Push(handle);
            }

            return true;
        }
    }
}
