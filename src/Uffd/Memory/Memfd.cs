using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>What nobody may do to a memfd any more, whoever has a copy of it (fcntl(2), "File Sealing"). Seals are never taken off.</summary>
[Flags]
public enum MemfdSeals
{
    /// <summary>All is allowed.</summary>
    None = 0,

    /// <summary>Add further seals.</summary>
    Seal = MemoryAbi.F_SEAL_SEAL,

    /// <summary>Make it shorter.</summary>
    Shrink = MemoryAbi.F_SEAL_SHRINK,

    /// <summary>Make it longer.</summary>
    Grow = MemoryAbi.F_SEAL_GROW,

    /// <summary>Write to it in any way. Cannot be set while a shared mapping may write.</summary>
    Write = MemoryAbi.F_SEAL_WRITE,

    /// <summary>
    /// Write to it, punch holes into it or map it shared and writable, except through shared mappings that were made before (Linux 5.1).
    /// Private mappings may be written: they copy.
    /// </summary>
    FutureWrite = MemoryAbi.F_SEAL_FUTURE_WRITE,
}

/// <summary>What can be done with a memfd beside mapping it (<see cref="MemoryMapping.CreateMemfd"/>).</summary>
public static class Memfd
{
    /// <summary>Adds seals.</summary>
    /// <param name="memfd">A memfd made with <see cref="MemoryMappingOptions.Sealable"/>.</param>
    /// <param name="seals">Which.</param>
    /// <exception cref="UffdException">EPERM: it cannot be sealed (any more); EBUSY: a mapping stands against it; EINVAL: no memfd.</exception>
    public static void Seal(SafeDescriptorHandle memfd, MemfdSeals seals)
    {
        ArgumentNullException.ThrowIfNull(memfd);
        if (LibC.Fcntl(memfd, DescriptorAbi.F_ADD_SEALS, (nint)seals) != 0)
        {
            throw Kernel.Failure($"fcntl(F_ADD_SEALS, {seals})");
        }
    }

    /// <summary>The seals it has.</summary>
    /// <param name="memfd">A memfd.</param>
    /// <exception cref="UffdException">EINVAL: it is no memfd.</exception>
    public static MemfdSeals GetSeals(SafeDescriptorHandle memfd)
    {
        ArgumentNullException.ThrowIfNull(memfd);
        int seals = LibC.Fcntl(memfd, DescriptorAbi.F_GET_SEALS, 0);
        return seals >= 0 ? (MemfdSeals)seals : throw Kernel.Failure("fcntl(F_GET_SEALS)");
    }

    /// <summary>Its length in bytes. The position moves.</summary>
    /// <param name="memfd">A memfd, or any other file.</param>
    /// <exception cref="UffdException">It has no length: a pipe, for one.</exception>
    public static ulong GetLength(SafeDescriptorHandle memfd)
    {
        ArgumentNullException.ThrowIfNull(memfd);
        long end = LibC.LSeek(memfd, 0, MemoryAbi.SEEK_END);
        return end >= 0 ? (ulong)end : throw Kernel.Failure("lseek(SEEK_END)");
    }

    /// <summary>
    /// Gives pages back (fallocate(2), FALLOC_FL_PUNCH_HOLE): they leave every mapping at once and are missing afterwards. Nobody is told by
    /// an event. What was protected against writing keeps a marker for it, as with <see cref="MemoryAdvice.Remove"/>.
    /// </summary>
    /// <param name="memfd">A memfd.</param>
    /// <param name="offset">Where: a multiple of the page size.</param>
    /// <param name="length">Bytes: whole pages.</param>
    /// <exception cref="UffdException">EPERM: a seal forbids it.</exception>
    public static void PunchHole(SafeDescriptorHandle memfd, ulong offset, ulong length)
    {
        ArgumentNullException.ThrowIfNull(memfd);
        int answer;
        Errno errno;
        do
        {
            answer = LibC.FAllocate(memfd, DescriptorAbi.FALLOC_FL_PUNCH_HOLE | DescriptorAbi.FALLOC_FL_KEEP_SIZE, checked((long)offset), checked((long)length));
            errno = Kernel.LastErrno;
        }
        while (answer != 0 && errno == Errno.EINTR);

        if (answer != 0)
        {
            throw new UffdException($"fallocate(PUNCH_HOLE) of {length} bytes at {offset}", errno);
        }
    }

    /// <summary>Reads bytes without mapping them (pread(2)). Unlike a touch of a mapping it never makes a page that was missing.</summary>
    /// <param name="memfd">A memfd.</param>
    /// <param name="offset">Where.</param>
    /// <param name="destination">Filled whole; holes are zeros.</param>
    /// <exception cref="UffdException">It cannot be read, or ends before that.</exception>
    public static unsafe void Read(SafeDescriptorHandle memfd, ulong offset, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(memfd);
        fixed (byte* bytes = destination)
        {
            int done = 0;
            while (done < destination.Length)
            {
                nint read = LibC.PRead(memfd, bytes + done, (nuint)(destination.Length - done), checked((long)offset + done));
                Errno errno = Kernel.LastErrno;
                if (read > 0)
                {
                    done += (int)read;
                }
                else if (read == 0 || errno != Errno.EINTR)
                {
                    throw read == 0 ? new UffdException($"a memfd ends before byte {offset + (ulong)destination.Length}") : new UffdException("pread of a memfd", errno);
                }
            }
        }
    }

    /// <summary>Whether there is a page, in memory or in swap. The position moves.</summary>
    /// <param name="memfd">A memfd.</param>
    /// <param name="offset">Where: a multiple of the page size.</param>
    public static bool HasData(SafeDescriptorHandle memfd, ulong offset)
    {
        ArgumentNullException.ThrowIfNull(memfd);
        return LibC.LSeek(memfd, checked((long)offset), MemoryAbi.SEEK_DATA) == (long)offset;
    }

    /// <summary>The bytes of memory and swap that it takes, as the kernel counts them.</summary>
    /// <param name="memfd">A memfd.</param>
    /// <exception cref="UffdException">The kernel does not tell.</exception>
    public static unsafe ulong GetAllocatedBytes(SafeDescriptorHandle memfd)
    {
        const int BlockBytes = 512; // the unit of st_blocks, whatever the file system
        ArgumentNullException.ThrowIfNull(memfd);
        statx buffer;
        bool held = false;
        try
        {
            memfd.DangerousAddRef(ref held);
            return LibC.Statx((int)memfd.DangerousGetHandle(), "", DescriptorAbi.AT_EMPTY_PATH, DescriptorAbi.STATX_BLOCKS, &buffer) == 0
                ? buffer.stx_blocks * BlockBytes
                : throw Kernel.Failure("statx of a memfd");
        }
        finally
        {
            if (held)
            {
                memfd.DangerousRelease();
            }
        }
    }
}
