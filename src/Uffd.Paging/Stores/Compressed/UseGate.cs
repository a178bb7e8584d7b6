using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// Who is inside, so that memory is freed only when nobody is. Entering costs an increment of a number that nobody else's CPU has; the
/// end, which comes once, waits for all of them.
/// </summary>
internal sealed class UseGate
{
    private readonly Stripe[] _stripes = new Stripe[Environment.ProcessorCount];
    private volatile bool _closed;

    /// <summary>Goes in.</summary>
    /// <param name="owner">Named when it is too late.</param>
    /// <returns>What <see cref="Exit"/> wants.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public int Enter(object owner)
    {
        int stripe = Thread.GetCurrentProcessorId() % _stripes.Length;
        Interlocked.Increment(ref _stripes[stripe].Inside); // a full fence: either this is seen by Close, or that by the next line
        if (_closed)
        {
            Exit(stripe);
            ObjectDisposedException.ThrowIf(true, owner);
        }

        return stripe;
    }

    /// <summary>Goes out.</summary>
    public void Exit(int stripe) => Interlocked.Decrement(ref _stripes[stripe].Inside);

    /// <summary>Lets nobody in any more and waits until nobody is inside.</summary>
    /// <returns>False when somebody else has closed it.</returns>
    public bool TryClose()
    {
        if (_closed)
        {
            return false;
        }

        _closed = true;
        Interlocked.MemoryBarrier();
        var spinner = new SpinWait();
        foreach (ref Stripe stripe in _stripes.AsSpan())
        {
            while (Volatile.Read(ref stripe.Inside) != 0)
            {
                spinner.SpinOnce();
            }
        }

        return true;
    }

    /// <summary>A number alone in its cache line.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Stripe
    {
        public long Inside;
    }
}
