using Microsoft.Win32.SafeHandles;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>The pages a mapping is made of.</summary>
public enum MappingPages
{
    /// <summary>The system's own page size: 4 KiB on x86-64.</summary>
    Base,

    /// <summary>Base pages that the kernel may join to huge ones (MADV_HUGEPAGE); aligned to 2 MiB.</summary>
    TransparentHuge,

    /// <summary>Reserved huge pages of 2 MiB (hugetlb): vm.nr_hugepages must have some free.</summary>
    Huge2MiB,
}

/// <summary>Who may do what with a mapping's memory.</summary>
[Flags]
public enum MappingAccess
{
    /// <summary>Nothing.</summary>
    None = MemoryAbi.PROT_NONE,

    /// <summary>Read.</summary>
    Read = MemoryAbi.PROT_READ,

    /// <summary>Write.</summary>
    Write = MemoryAbi.PROT_WRITE,

    /// <summary>Both.</summary>
    ReadWrite = Read | Write,
}

/// <summary>How to map memory.</summary>
public sealed record MemoryMappingOptions
{
    /// <summary>The pages. Default: the system's own.</summary>
    public MappingPages Pages { get; init; }

    /// <summary>The access. Default: read and write.</summary>
    public MappingAccess Access { get; init; } = MappingAccess.ReadWrite;

    /// <summary>
    /// Whether writes go to the shared object (MAP_SHARED) instead of to a copy (MAP_PRIVATE). Default: false for anonymous
    /// memory and files, true for memfds.
    /// </summary>
    public bool? Shared { get; init; }

    /// <summary>
    /// Whether to promise no memory beforehand (MAP_NORESERVE): maps of terabytes cost nothing until touched, and a machine
    /// without memory left kills instead of refusing. Default: false.
    /// </summary>
    public bool NoReserve { get; init; }

    /// <summary>Whether a memfd that is made can be sealed (<see cref="Memfd.Seal"/>). Default: false.</summary>
    public bool Sealable { get; init; }
}

/// <summary>
/// A mapping of this process (mmap(2)): anonymous, of a memfd, or of a file. It owns the mapping and, for a memfd, the
/// descriptor. Touching it from managed code follows the rules of what is registered on it: see docs/kernel.md.
/// </summary>
public sealed unsafe partial class MemoryMapping : IDisposable
{
    private const ulong Huge2MiB = 2UL << 20;

    private readonly SafeMapping _mapping;

    private MemoryMapping(SafeMapping mapping, AddressRange range, ulong pageSize, SafeDescriptorHandle? descriptor)
    {
        _mapping = mapping;
        Range = range;
        PageSize = pageSize;
        Descriptor = descriptor;
    }

    /// <summary>The addresses.</summary>
    public AddressRange Range { get; }

    /// <summary>The first address.</summary>
    public ulong Address => Range.Start;

    /// <summary>The length in bytes, a multiple of <see cref="PageSize"/>.</summary>
    public ulong Length => Range.Length;

    /// <summary>The page size that userfaultfd operations on it must respect, in bytes.</summary>
    public ulong PageSize { get; }

    /// <summary>The memfd, or null for other mappings.</summary>
    public SafeDescriptorHandle? Descriptor { get; }

    /// <summary>Maps anonymous memory.</summary>
    /// <param name="length">Bytes; rounded up to whole pages.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">ENOMEM: no memory, or no huge pages free (the message has the command).</exception>
    public static MemoryMapping CreateAnonymous(ulong length, MemoryMappingOptions? options = null)
    {
        options ??= new MemoryMappingOptions();
        int flags = MemoryAbi.MAP_ANONYMOUS | (options.Shared == true ? MemoryAbi.MAP_SHARED : MemoryAbi.MAP_PRIVATE);
        return Map(length, options, flags, descriptor: null, fileDescriptor: -1, offset: 0, owned: null);
    }

    /// <summary>Makes a memfd (memfd_create(2)) of the given length and maps it.</summary>
    /// <param name="name">Shown in /proc/PID/maps.</param>
    /// <param name="length">Bytes; rounded up to whole pages.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">ENOMEM, EMFILE.</exception>
    public static MemoryMapping CreateMemfd(string name, ulong length, MemoryMappingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        options ??= new MemoryMappingOptions();
        uint memfdFlags = MemoryAbi.MFD_CLOEXEC | (options.Sealable ? MemoryAbi.MFD_ALLOW_SEALING : 0);
        if (options.Pages == MappingPages.Huge2MiB)
        {
            memfdFlags |= MemoryAbi.MFD_HUGETLB | (21u << MemoryAbi.MAP_HUGE_SHIFT);
        }

        SafeDescriptorHandle memfd = Kernel.Own(LibC.MemfdCreate(name, memfdFlags), "memfd_create");
        try
        {
            if (LibC.FTruncate(memfd, checked((long)AddressRange.AlignUp(length, PageSizeOf(options.Pages)))) != 0)
            {
                throw Kernel.Failure("ftruncate of a memfd");
            }

            return OfDescriptor(memfd, length, options, offset: 0, memfd);
        }
        catch
        {
            memfd.Dispose();
            throw;
        }
    }

    /// <summary>Maps a memfd that exists: a second view of another mapping's, or one that was received.</summary>
    /// <param name="memfd">Not owned.</param>
    /// <param name="length">Bytes; rounded up to whole pages.</param>
    /// <param name="options">How; null for the defaults.</param>
    public static MemoryMapping MapMemfd(SafeDescriptorHandle memfd, ulong length, MemoryMappingOptions? options = null)
        => MapMemfd(memfd, offset: 0, length, options);

    /// <summary>Maps a part of a memfd that exists.</summary>
    /// <param name="memfd">Not owned.</param>
    /// <param name="offset">Where in the memfd to begin: a multiple of the page size.</param>
    /// <param name="length">Bytes; rounded up to whole pages.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">EPERM: a seal forbids it, a shared mapping that may write for one.</exception>
    public static MemoryMapping MapMemfd(SafeDescriptorHandle memfd, ulong offset, ulong length, MemoryMappingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(memfd);
        return OfDescriptor(memfd, length, options ?? new MemoryMappingOptions(), checked((long)offset), owned: null);
    }

    /// <summary>
    /// Maps a file. A touch behind the file's end, also one that was cut later, raises SIGBUS, which ends a .NET process: let
    /// only the kernel read such a mapping (a Copy from it answers EFAULT).
    /// </summary>
    /// <param name="file">Not owned; may be closed afterwards.</param>
    /// <param name="offset">Where in the file to begin: a multiple of the page size.</param>
    /// <param name="length">Bytes; rounded up to whole pages.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">EACCES: the file was not opened for this access; ENODEV: no file that can be mapped.</exception>
    public static MemoryMapping MapFile(SafeFileHandle file, long offset, ulong length, MemoryMappingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        options ??= new MemoryMappingOptions();
        int flags = options.Shared == true ? MemoryAbi.MAP_SHARED : MemoryAbi.MAP_PRIVATE;
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            return Map(length, options, flags, descriptor: null, (nint)file.DangerousGetHandle(), offset, owned: null);
        }
        finally
        {
            if (held)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <summary>
    /// The memory as a span. Only for memory that cannot fault into a handler of this process: a managed thread that waits for
    /// a page stops every garbage collection, and with it the handler.
    /// </summary>
    /// <exception cref="OverflowException">Longer than a span can be (2 GiB).</exception>
    public Span<byte> AsSpan()
    {
        ObjectDisposedException.ThrowIf(_mapping.IsClosed, this);
        return new Span<byte>((void*)Address, checked((int)Length)); // inside the mapping, which lives as long as this object is not disposed
    }

    /// <summary>A part of the memory as a span: see <see cref="AsSpan()"/>.</summary>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="length">Bytes.</param>
    public Span<byte> AsSpan(ulong offset, int length)
    {
        ObjectDisposedException.ThrowIf(_mapping.IsClosed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)length, Length - offset, nameof(length));
        return new Span<byte>((void*)(Address + offset), length); // checked to lie inside the mapping
    }

    /// <summary>Gives advice for the whole mapping (madvise(2)).</summary>
    /// <param name="advice">What.</param>
    /// <exception cref="UffdException">The kernel refused.</exception>
    public void Advise(MemoryAdvice advice) => Advise(advice, Range);

    /// <summary>Gives advice for a part of the mapping (madvise(2)).</summary>
    /// <param name="advice">What.</param>
    /// <param name="range">Whole pages inside the mapping.</param>
    /// <exception cref="UffdException">The kernel refused; EFAULT from PopulateRead or PopulateWrite: a page cannot be had.</exception>
    public void Advise(MemoryAdvice advice, AddressRange range)
    {
        ObjectDisposedException.ThrowIf(_mapping.IsClosed, this);
        RequireInside(range);
        int answer;
        Errno errno;
        do
        {
            answer = LibC.MAdvise((nint)range.Start, (nuint)range.Length, (int)advice);
            errno = Kernel.LastErrno;
        }
        while (answer != 0 && errno == Errno.EINTR);

        if (answer != 0)
        {
            throw new UffdException($"madvise({advice}) of {range}", errno);
        }
    }

    /// <summary>Changes the access of the whole mapping (mprotect(2)).</summary>
    /// <param name="access">The new access.</param>
    /// <exception cref="UffdException">The kernel refused.</exception>
    public void Protect(MappingAccess access)
    {
        ObjectDisposedException.ThrowIf(_mapping.IsClosed, this);
        if (LibC.MProtect((nint)Address, (nuint)Length, (int)access) != 0)
        {
            throw Kernel.Failure($"mprotect({access}) of {Range}");
        }
    }

    /// <summary>Unmaps, and closes the memfd. The kernel drops a registration on it.</summary>
    public void Dispose()
    {
        _mapping.Dispose();
        Descriptor?.Dispose();
    }

    private static MemoryMapping OfDescriptor(
        SafeDescriptorHandle descriptor,
        ulong length,
        MemoryMappingOptions options,
        long offset,
        SafeDescriptorHandle? owned)
    {
        int flags = options.Shared == false ? MemoryAbi.MAP_PRIVATE : MemoryAbi.MAP_SHARED;
        bool held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            return Map(length, options, flags, descriptor, descriptor.DangerousGetHandle(), offset, owned);
        }
        finally
        {
            if (held)
            {
                descriptor.DangerousRelease();
            }
        }
    }

    private static MemoryMapping Map(
        ulong length,
        MemoryMappingOptions options,
        int flags,
        SafeDescriptorHandle? descriptor,
        nint fileDescriptor,
        long offset,
        SafeDescriptorHandle? owned)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong pageSize = PageSizeOf(options.Pages);
        ulong rounded = AddressRange.AlignUp(length, pageSize);
        flags |= options.NoReserve ? MemoryAbi.MAP_NORESERVE : 0;
        if (options.Pages == MappingPages.Huge2MiB)
        {
            // On a memfd the descriptor says the page size already.
            flags |= descriptor is null ? MemoryAbi.MAP_HUGETLB | (21 << MemoryAbi.MAP_HUGE_SHIFT) : 0;
        }

        // A huge page needs an aligned start: map enough to find one inside, and keep the slack mapped but untouched.
        ulong slack = options.Pages == MappingPages.TransparentHuge ? Huge2MiB : 0;
        bool reserveFirst = slack > 0 && fileDescriptor >= 0;
        nuint mappedLength = (nuint)(rounded + slack);
        nint mapped = reserveFirst
            ? LibC.MMap(0, mappedLength, MemoryAbi.PROT_NONE, MemoryAbi.MAP_PRIVATE | MemoryAbi.MAP_ANONYMOUS | MemoryAbi.MAP_NORESERVE, -1, 0)
            : LibC.MMap(0, mappedLength, (int)options.Access, flags, fileDescriptor, offset);
        if (mapped == -1)
        {
            throw MapFailure(Kernel.LastErrno, rounded, options.Pages);
        }

        var safe = new SafeMapping(mapped, mappedLength);

        ulong start = slack > 0 ? AddressRange.AlignUp((ulong)mapped, Huge2MiB) : (ulong)mapped;
        if (reserveFirst && LibC.MMap((nint)start, (nuint)rounded, (int)options.Access, flags | MemoryAbi.MAP_FIXED, fileDescriptor, offset) == -1)
        {
            Errno errno = Kernel.LastErrno;
            safe.Dispose();
            throw MapFailure(errno, rounded, options.Pages);
        }

        var mapping = new MemoryMapping(safe, new AddressRange(start, rounded), pageSize, owned);
        if (options.Pages == MappingPages.TransparentHuge)
        {
            mapping.Advise(MemoryAdvice.HugePage);
        }

        return mapping;
    }

    private static ulong PageSizeOf(MappingPages pages)
        => pages == MappingPages.Huge2MiB ? Huge2MiB : (ulong)Environment.SystemPageSize;

    private static UffdException MapFailure(Errno errno, ulong length, MappingPages pages)
        => new(
            $"cannot map {length} bytes",
            errno,
            pages == MappingPages.Huge2MiB && errno == Errno.ENOMEM
                ? $"reserve huge pages with: sudo sysctl -w vm.nr_hugepages={ReservedHugePages() + (length / Huge2MiB)}"
                : null);

    /// <summary>What is reserved now: the advice must not take pages away from whoever has them.</summary>
    private static ulong ReservedHugePages()
    {
        try
        {
            return ulong.TryParse(File.ReadAllText("/proc/sys/vm/nr_hugepages"), out ulong pages) ? pages : 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private void RequireInside(AddressRange range)
    {
        if (!Range.Contains(range))
        {
            throw new ArgumentOutOfRangeException(nameof(range), $"{range} is not inside the mapping {Range}");
        }
    }

    /// <summary>What munmap wants: all that was mapped, the slack before an aligned start included.</summary>
    private sealed class SafeMapping : SafeHandleMinusOneIsInvalid
    {
        private readonly nuint _length;

        public SafeMapping(nint start, nuint length)
            : base(ownsHandle: true)
        {
            _length = length;
            SetHandle(start);
        }

        protected override bool ReleaseHandle() => LibC.MUnmap(handle, _length) == 0;
    }
}
