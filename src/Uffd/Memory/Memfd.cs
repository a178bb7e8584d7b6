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
}
