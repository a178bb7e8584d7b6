using System.Runtime.CompilerServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <content>The operations on ranges: ioctl_userfaultfd(2).</content>
public sealed partial class Userfaultfd
{
    /// <summary>
    /// Registers a range of <b>this</b> process's memory (or, on a received descriptor, of the process that created it): from
    /// now on its faults are handed over. Registering again with a subset of the modes changes nothing; with other modes it
    /// replaces them. Since Linux 7.3 neither can leave WriteProtect out where it was registered: <see cref="Unregister"/> first.
    /// Pages that are already there raise no missing fault: release a huge page first, it hides its whole range.
    /// So do pages that the object below a private mapping has in the page cache: they are mapped, and nobody is asked.
    /// </summary>
    /// <param name="range">Whole pages of the mapping's own page size; holes between mappings are allowed.</param>
    /// <param name="modes">Which faults; at least one.</param>
    /// <returns>What can be done on the range: not the same for every kind of memory.</returns>
    /// <exception cref="UffdException">
    /// A kernel without the mode: named, with the Linux version that brought it. EINVAL: nothing mapped there, misaligned, or a kind of memory that cannot have this mode; EBUSY: another userfaultfd has
    /// it, or (Linux 7.3) it is registered for write-protection and <paramref name="modes"/> are not; EPERM: a shared mapping of a file that this process may not write.
    /// </exception>
    public unsafe UffdIoctls Register(AddressRange range, UffdRegisterModes modes)
    {
        var argument = new uffdio_register { range = ToAbi(range), mode = (ulong)modes };
        if (LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_REGISTER, &argument) != 0)
        {
            Errno errno = Kernel.LastErrno;
            UffdFeatures missing = errno == Errno.EINVAL ? FindMissing(FeaturesOf(modes)) : UffdFeatures.None;
            throw new UffdException($"cannot register {range} for {modes}", errno, missing == UffdFeatures.None ? RegisterRemedy(errno, modes) : Lacks(missing))
            {
                IsUnavailable = missing != UffdFeatures.None,
            };
        }

        return (UffdIoctls)argument.ioctls;
    }

    /// <summary>Registers a range as <see cref="Register"/> does, and answers where that throws.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="modes">What is wanted.</param>
    /// <returns><see cref="Errno.None"/>, or the kernel's answer.</returns>
    public unsafe Errno TryRegister(AddressRange range, UffdRegisterModes modes)
    {
        var argument = new uffdio_register { range = ToAbi(range), mode = (ulong)modes };
        return LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_REGISTER, &argument) == 0 ? Errno.None : Kernel.LastErrno;
    }

    /// <summary>
    /// Takes a range out: threads that wait for missing pages go on (they become zeros), write-protection is cleared. Those that wait
    /// on ranges registered only for write-protection or minor faults sleep until a <see cref="Wake"/>.
    /// </summary>
    /// <param name="range">Whole pages.</param>
    /// <returns>
    /// EINVAL: nothing mapped there, or (Linux 6.17) another userfaultfd has it; ENOMEM, ESRCH: the process has gone.
    /// </returns>
    public unsafe UffdResult Unregister(AddressRange range)
    {
        uffdio_range argument = ToAbi(range);
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_UNREGISTER, &argument);
        return Whole(answer, range);
    }

    /// <summary>Wakes who waits on a range, to look again. Waking nobody is no error.</summary>
    /// <param name="range">Whole pages.</param>
    public unsafe UffdResult Wake(AddressRange range)
    {
        uffdio_range argument = ToAbi(range);
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_WAKE, &argument);
        return Whole(answer, range);
    }

    /// <summary>
    /// Fills missing pages with a copy of <paramref name="source"/>, atomically page by page, and wakes who waits.
    /// </summary>
    /// <param name="destination">An address in the registered process, a multiple of the page size there.</param>
    /// <param name="source">
    /// The bytes: whole pages. Managed memory is pinned for the time of the call. It must not itself be registered memory.
    /// </param>
    /// <param name="modes">How.</param>
    /// <returns>
    /// EEXIST: the page at <c>destination + Bytes</c> is there (a poisoned one is not: a copy heals it); EAGAIN: done in part, or an event of the process is unread;
    /// ENOENT: the range is not inside one registered mapping; EFAULT: the source cannot be read; ESRCH: the process has gone;
    /// EINVAL: misaligned, or a mode the registration does not have; ENOMEM.
    /// </returns>
    public unsafe UffdResult Copy(ulong destination, ReadOnlySpan<byte> source, UffdCopyModes modes = UffdCopyModes.None)
    {
        fixed (byte* bytes = source)
        {
            return Copy(new AddressRange(destination, (ulong)source.Length), (ulong)bytes, modes);
        }
    }

    /// <summary>
    /// As <see cref="Copy(ulong, ReadOnlySpan{byte}, UffdCopyModes)"/>, from an address of this process that stays valid for
    /// the call: native memory, a mapping. An address that is not mapped, or behind the end of a mapped file, is EFAULT and
    /// does no harm.
    /// </summary>
    /// <param name="destination">Whole pages in the registered process; any length.</param>
    /// <param name="sourceAddress">Where the bytes are in this process; need not be aligned.</param>
    /// <param name="modes">How.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe UffdResult Copy(AddressRange destination, ulong sourceAddress, UffdCopyModes modes = UffdCopyModes.None)
    {
        var argument = new uffdio_copy
        {
            dst = destination.Start,
            src = sourceAddress,
            len = destination.Length,
            mode = (ulong)modes,
        };
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_COPY, &argument);
        return UffdResult.From(answer == 0, argument.copy, Kernel.LastErrno);
    }

    /// <summary>Maps zeros over missing pages, ten times as fast as a copy of zeros, and wakes who waits.</summary>
    /// <param name="range">Whole pages. Not hugetlb memory, which answers EINVAL: copy zeros there.</param>
    /// <param name="modes">How.</param>
    /// <returns>
    /// As of Copy; EEXIST also over an absent page that is write-protected or poisoned, in a private mapping. In a shared one
    /// zeros are a copy: they drop the protection, and heal the poison.
    /// </returns>
    public unsafe UffdResult ZeroPage(AddressRange range, UffdZeroPageModes modes = UffdZeroPageModes.None)
    {
        var argument = new uffdio_zeropage { range = ToAbi(range), mode = (ulong)modes };
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_ZEROPAGE, &argument);
        return UffdResult.From(answer == 0, argument.zeropage, Kernel.LastErrno);
    }

    /// <summary>
    /// Maps pages of shared memory that are in the page cache already, and wakes who waits on their minor faults (Linux 5.13).
    /// </summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="modes">How.</param>
    /// <returns>As of Copy; EFAULT: no page in the cache; EIO: it is hardware-poisoned; EINVAL: not shared memory; ENOTTY: a kernel before 5.13, or with WriteProtect before 6.4.</returns>
    public unsafe UffdResult Continue(AddressRange range, UffdContinueModes modes = UffdContinueModes.None)
    {
        var argument = new uffdio_continue { range = ToAbi(range), mode = (ulong)modes };
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_CONTINUE, &argument);

        // The mode has no feature bit of its own. It came with the version that brought this one.
        UffdFeatures feature = modes.HasFlag(UffdContinueModes.WriteProtect) ? UffdFeatures.WriteProtectUnpopulated : UffdFeatures.MinorHugetlbfs;
        return Known(UffdResult.From(answer == 0, argument.mapped, Kernel.LastErrno), feature);
    }

    /// <summary>
    /// Poisons missing pages: who touches them gets SIGBUS, as from failed memory, instead of waiting or reading zeros
    /// (Linux 6.6).
    /// </summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="modes">How.</param>
    /// <returns>As of Copy; EEXIST over anything that is there, a protection marker too; ENOTTY: a kernel before 6.6.</returns>
    public unsafe UffdResult Poison(AddressRange range, UffdPoisonModes modes = UffdPoisonModes.None)
    {
        var argument = new uffdio_poison { range = ToAbi(range), mode = (ulong)modes };
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_POISON, &argument);
        return Known(UffdResult.From(answer == 0, argument.updated, Kernel.LastErrno), UffdFeatures.Poison);
    }

    /// <summary>
    /// Moves pages of private anonymous memory to where they are missing, without a copy, and wakes who waits (Linux 6.8). The
    /// source is missing afterwards. Only within the process that created the userfaultfd.
    /// </summary>
    /// <remarks>
    /// A page that is not exclusive answers EBUSY: after a fork() it is shared with the child, <b>even when the child has
    /// ended</b>, until it is written again; so is a page that KSM merged, and one that is pinned. Give the source
    /// <see cref="MemoryAdvice.DontFork"/> and keep KSM away, or use <see cref="MoveOrCopy"/>.
    /// </remarks>
    /// <param name="destination">Where to: registered with this userfaultfd, missing.</param>
    /// <param name="sourceAddress">Where from: the same length, anonymous, private, writable, same protection and mlock state.</param>
    /// <param name="modes">How.</param>
    /// <returns>
    /// As of Copy; EBUSY: see the remarks; ENOENT: a hole in the source; EINVAL: another process, another kind of memory, or a
    /// destination that is not registered here; ENOTTY: a kernel before 6.8.
    /// </returns>
    public unsafe UffdResult Move(AddressRange destination, ulong sourceAddress, UffdMoveModes modes = UffdMoveModes.None)
    {
        var argument = new uffdio_move
        {
            dst = destination.Start,
            src = sourceAddress,
            len = destination.Length,
            mode = (ulong)modes,
        };
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_MOVE, &argument);
        return Known(UffdResult.From(answer == 0, argument.move, Kernel.LastErrno), UffdFeatures.Move);
    }

    /// <summary>
    /// Protects pages against writing, or takes that away and wakes who waits to write. The range must have been registered
    /// for it. Absent anonymous pages are protected only with <see cref="UffdFeatures.WriteProtectUnpopulated"/>.
    /// </summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="modes">What.</param>
    /// <returns>ENOENT: not registered for it; EAGAIN: an event is unread; EINVAL: both modes at once; ESRCH.</returns>
    public unsafe UffdResult WriteProtect(AddressRange range, UffdWriteProtectModes modes)
    {
        var argument = new uffdio_writeprotect { range = ToAbi(range), mode = (ulong)modes };
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_WRITEPROTECT, &argument);
        return Whole(answer, range);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uffdio_range ToAbi(AddressRange range) => new() { start = range.Start, len = range.Length };

    /// <summary>For the operations whose argument has no count: all or nothing.</summary>
    private static UffdResult Whole(int answer, AddressRange range)
        => answer == 0 ? new UffdResult(range.Length, Errno.None) : new UffdResult(0, Kernel.LastErrno);

    /// <summary>A kernel that does not know an operation answers EINVAL, as to wrong arguments. ENOTTY tells the two apart.</summary>
    private static UffdResult Known(UffdResult result, UffdFeatures feature)
        => result is { Errno: Errno.EINVAL, Bytes: 0 } && !Supports(feature) ? new UffdResult(0, Errno.ENOTTY) : result;

    private static UffdFeatures FeaturesOf(UffdRegisterModes modes)
        => (modes.HasFlag(UffdRegisterModes.WriteProtect) ? UffdFeatures.PageFaultFlagWriteProtect : UffdFeatures.None)
            | (modes.HasFlag(UffdRegisterModes.Minor) && !Supports(UffdFeatures.MinorHugetlbfs) ? UffdFeatures.MinorHugetlbfs | UffdFeatures.MinorShmem : UffdFeatures.None);

    private static string? RegisterRemedy(Errno errno, UffdRegisterModes modes) => errno switch
    {
        Errno.EBUSY when modes.HasFlag(UffdRegisterModes.WriteProtect) => "another userfaultfd has this range; only one at a time can",
        Errno.EBUSY => "another userfaultfd has this range (only one at a time can), or it is registered for write-protection, which since Linux 7.3 is given up by unregistering only",
        Errno.EPERM => "the mapping is shared and its file may not be written",
        Errno.EINVAL when modes.HasFlag(UffdRegisterModes.WriteProtect) && !Supports(UffdFeatures.WriteProtectHugetlbfsShmem)
            => "this kernel write-protects anonymous memory only; shared and hugetlb memory need WP_HUGETLBFS_SHMEM (Linux 5.19)",
        Errno.EINVAL when modes.HasFlag(UffdRegisterModes.Minor) && !Supports(UffdFeatures.MinorShmem)
            => "this kernel has minor faults of hugetlb memory only; shared memory needs MINOR_SHMEM (Linux 5.14)",
        Errno.EINVAL when modes.HasFlag(UffdRegisterModes.Minor) => "minor faults need shared or hugetlb memory, mapped and aligned to its page size",
        Errno.EINVAL => "the range must be mapped, aligned to its page size, and of anonymous, shared or hugetlb memory",
        _ => null,
    };
}
