using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <content>Advice for many places at once.</content>
public sealed unsafe partial class MemoryMapping
{
    private const int RangesOfACall = 256; // the kernel takes 1,024 (IOV_MAX); these are on the stack

    // Never closed: it is this process's as long as there is one.
    private static readonly Lazy<ProcessHandle?> Self = new(() => ProcessHandle.TryOpen(Environment.ProcessId));
    private static volatile bool s_isBatchRefused;

    /// <summary>
    /// Gives advice for many parts of the mapping with few calls (process_madvise(2) on oneself, with any advice since Linux 6.13); part by part
    /// where the kernel does not take it. Pages of scattered parts go three times as fast this way, for the processors' translations are
    /// flushed once for all.
    /// </summary>
    /// <param name="advice">What.</param>
    /// <param name="ranges">Whole pages inside the mapping.</param>
    /// <exception cref="UffdException">The kernel refused one; those before it were done.</exception>
    public void Advise(MemoryAdvice advice, ReadOnlySpan<AddressRange> ranges)
    {
        ObjectDisposedException.ThrowIf(_mapping.IsClosed, this);
        foreach (AddressRange range in ranges)
        {
            RequireInside(range);
        }

        for (int done = 0; done < ranges.Length; done += RangesOfACall)
        {
            AdviseBatch(advice, ranges.Slice(done, Math.Min(RangesOfACall, ranges.Length - done)));
        }
    }

    private void AdviseBatch(MemoryAdvice advice, ReadOnlySpan<AddressRange> ranges)
    {
        if (ranges.Length == 1 || s_isBatchRefused || !TryAdviseTogether(advice, ranges))
        {
            foreach (AddressRange range in ranges)
            {
                Advise(advice, range); // doing it again where it was done is harmless
            }
        }
    }

    private static bool TryAdviseTogether(MemoryAdvice advice, ReadOnlySpan<AddressRange> ranges)
    {
        if (Self.Value is not { } self)
        {
            return false;
        }

        iovec* vector = stackalloc iovec[RangesOfACall];
        nint bytes = 0;
        for (int index = 0; index < ranges.Length; index++)
        {
            vector[index] = new iovec { iov_base = (void*)ranges[index].Start, iov_len = (nuint)ranges[index].Length };
            bytes += (nint)ranges[index].Length;
        }

        bool held = false;
        try
        {
            self.Handle.DangerousAddRef(ref held);
            nint answer = LibC.SyscallProcessMadvise(SyscallAbi.SYS_process_madvise, self.Handle.DangerousGetHandle(), vector, ranges.Length, (nint)advice, 0);
            s_isBatchRefused |= answer < 0 && Kernel.LastErrno is Errno.EINVAL or Errno.ENOSYS or Errno.EPERM;
            return answer == bytes; // done in part: the caller does all of it once more, one by one
        }
        finally
        {
            if (held)
            {
                self.Handle.DangerousRelease();
            }
        }
    }
}
