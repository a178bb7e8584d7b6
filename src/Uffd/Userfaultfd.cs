using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// One userfaultfd after its handshake: registers ranges of its process's memory, reads their faults and events
/// (<see cref="UffdEventReader"/>), and resolves them. All operations may be called from several threads at once. Except for
/// <see cref="Register"/> and <see cref="Move"/>, they work from another process just as well, on a descriptor that was
/// handed over. Memory that a managed thread of this very process touches must not be resolved by a managed thread of it:
/// see docs/kernel.md, "Hanging on a collection". Sources: userfaultfd(2), ioctl_userfaultfd(2), Linux
/// Documentation/admin-guide/mm/userfaultfd.rst.
/// </summary>
/// <remarks>
/// Disposing closes the descriptor, and closing the last copy is corruption: waiting and later faults read zeros. Resolve,
/// poison or unregister what is missing first.
/// </remarks>
[SuppressMessage("Naming", "CA1724", Justification = "the kernel's word")]
public sealed partial class Userfaultfd : IDisposable
{
    // A success is kept; a failure is not, for it may be a lack of descriptors that passes.
    private static readonly Lazy<UffdFeatures> Supported = new(ProbeSupportedFeatures, LazyThreadSafetyMode.PublicationOnly);

    private Userfaultfd(SafeUserfaultfdHandle handle, UffdFeatures features, UffdFaultScope? faultScope)
    {
        Handle = handle;
        Features = features;
        FaultScope = faultScope;
    }

    /// <summary>The descriptor, to hand over or to poll. It stays owned by this object.</summary>
    public SafeUserfaultfdHandle Handle { get; }

    /// <summary>The features agreed in the handshake: those that were asked for, not all that the kernel has.</summary>
    public UffdFeatures Features { get; }

    /// <summary>Whether the kernel's own faults are handled, or null where it cannot be known (a received descriptor).</summary>
    public UffdFaultScope? FaultScope { get; }

    /// <summary>
    /// Every feature of this kernel, with bits this library has no name for. Found with a descriptor that is thrown away,
    /// because the handshake can be done only once on each (measured: also after asking for nothing).
    /// </summary>
    /// <exception cref="UffdException">This caller may not create a userfaultfd at all.</exception>
    public static UffdFeatures SupportedFeatures => Supported.Value;

    /// <summary>Whether this kernel has features. Where the caller may not ask (no userfaultfd can be created), it is taken to have them.</summary>
    /// <param name="features">All of them.</param>
    public static bool Supports(UffdFeatures features) => FindMissing(features) == UffdFeatures.None;

    /// <summary>Says before features are used that the kernel lacks some, by name and with the Linux version that brought them.</summary>
    /// <param name="features">All of them.</param>
    /// <exception cref="UffdException">The kernel lacks some: <see cref="UffdException.IsUnavailable"/> is set.</exception>
    public static void Require(UffdFeatures features)
    {
        UffdFeatures missing = FindMissing(features);
        if (missing != UffdFeatures.None)
        {
            throw MissingFeatures(missing);
        }
    }

    /// <summary>Creates a userfaultfd and does the handshake.</summary>
    /// <param name="options">What is wanted; null for the defaults.</param>
    /// <exception cref="UffdException">
    /// No way of creation is open to this caller (the message says what was tried and the command that would allow it), or a
    /// required feature is not there (named, with the Linux version that brought it).
    /// </exception>
    public static Userfaultfd Create(UserfaultfdOptions? options = null)
    {
        options ??= new UserfaultfdOptions();
        UffdFeatures wanted = options.RequiredFeatures;
        if (options.OptionalFeatures != UffdFeatures.None || options.RequiredFeatures != UffdFeatures.None)
        {
            UffdFeatures missing = options.RequiredFeatures & ~SupportedFeatures;
            if (missing != UffdFeatures.None)
            {
                throw MissingFeatures(missing);
            }

            wanted |= options.OptionalFeatures & SupportedFeatures;
        }

        SafeUserfaultfdHandle handle = UserfaultfdFactory.Create(options, out UffdCreationAttempt used);
        try
        {
            Errno errno = Handshake(handle, wanted, out _);
            if (errno == Errno.EPERM && wanted.HasFlag(UffdFeatures.EventFork) && !options.RequiredFeatures.HasFlag(UffdFeatures.EventFork))
            {
                wanted &= ~UffdFeatures.EventFork;
                errno = Handshake(handle, wanted, out _);
            }

            if (errno != Errno.None)
            {
                throw new UffdException(
                    "the userfaultfd handshake (UFFDIO_API) failed",
                    errno,
                    errno == Errno.EPERM && wanted.HasFlag(UffdFeatures.EventFork) ? "EVENT_FORK needs CAP_SYS_PTRACE: run as root" : null)
                {
                    IsUnavailable = errno == Errno.EPERM,
                };
            }

            return new Userfaultfd(handle, wanted, used.FaultScope);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Tries every way of creation and tells what each answered. Nothing is left open.</summary>
    public static IReadOnlyList<UffdCreationAttempt> ProbeCreation()
    {
        var attempts = new List<UffdCreationAttempt>();
        foreach ((UffdCreationMethod method, UffdFaultScope scope) in UserfaultfdFactory.Ways(UffdCreationMethod.Any, UffdFaultScope.Any))
        {
            attempts.Add(UserfaultfdFactory.Try(method, scope, nonBlocking: true, out SafeUserfaultfdHandle? handle));
            handle?.Dispose();
        }

        return attempts;
    }

    /// <summary>
    /// Takes a userfaultfd that another process handed over, after that process did the handshake. The descriptor is made
    /// non-blocking (a setting that all copies share). Its features are read from /proc/self/fdinfo.
    /// </summary>
    /// <param name="descriptor">The descriptor; owned by the result, and on failure still by the caller.</param>
    /// <exception cref="UffdException">It is no userfaultfd, or its handshake has not been done.</exception>
    public static Userfaultfd FromDescriptor(SafeDescriptorHandle descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        if (!DescriptorInfo.IsUserfaultfd(descriptor))
        {
            throw new UffdException($"the descriptor is no userfaultfd but {DescriptorInfo.Describe(descriptor)}");
        }

        Kernel.SetNonBlocking(descriptor, nonBlocking: true);
        if (!DescriptorInfo.IsInitialised(descriptor))
        {
            throw new UffdException("the handshake (UFFDIO_API) was not done on the userfaultfd before it was handed over");
        }

        UffdFeatures features = DescriptorInfo.ReadFeatures(descriptor);
        SafeUserfaultfdHandle handle = descriptor as SafeUserfaultfdHandle ?? new SafeUserfaultfdHandle(descriptor.Release());
        return new Userfaultfd(handle, features, faultScope: null);
    }

    /// <summary>
    /// Whether the process that owns the memory still exists. There is no event for its end and poll(2) does not report
    /// it; this asks for an operation that can change nothing and looks whether the answer is ESRCH.
    /// </summary>
    public unsafe bool IsTargetAlive()
    {
        // No process has one mapping over all of this, which a fill would need: the answer is ENOENT, EAGAIN or ESRCH. The
        // range lies above vm.mmap_min_addr, below which most kernels answer EINVAL before they look at the process.
        var argument = new uffdio_zeropage { range = new uffdio_range { start = 1UL << 20, len = 1UL << 30 } };
        int answer = LibC.Ioctl(Handle, UserfaultfdAbi.UFFDIO_ZEROPAGE, &argument);
        return answer == 0 || Kernel.LastErrno != Errno.ESRCH;
    }

    /// <summary>
    /// Closes the descriptor. If this is its last copy, faults that wait and faults to come on what is still missing read
    /// zeros: see the remarks of this class.
    /// </summary>
    public void Dispose() => Handle.Dispose();

    /// <summary>Takes a userfaultfd that was created in another process, for its memory, and does the handshake.</summary>
    /// <param name="descriptor">The descriptor as it was created; owned by the result, and closed on failure.</param>
    /// <param name="features">To ask for.</param>
    /// <exception cref="UffdException">The kernel lacks features, or refused.</exception>
    internal static Userfaultfd Adopt(SafeDescriptorHandle descriptor, UffdFeatures features)
    {
        SafeUserfaultfdHandle handle = descriptor as SafeUserfaultfdHandle ?? new SafeUserfaultfdHandle(descriptor.Release());
        try
        {
            Require(features);
            Errno errno = Handshake(handle, features, out _);
            return errno == Errno.None
                ? new Userfaultfd(handle, features, UffdFaultScope.UserOnly)
                : throw new UffdException("the userfaultfd handshake (UFFDIO_API) failed", errno);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Wraps the descriptor of a forked child, which has its parent's features.</summary>
    internal static Userfaultfd FromFork(uint descriptor, Userfaultfd parent)
        => new(new SafeUserfaultfdHandle((nint)descriptor), parent.Features, parent.FaultScope);

    private static UffdFeatures FindMissing(UffdFeatures features)
    {
        try
        {
            return features & ~SupportedFeatures;
        }
        catch (UffdException)
        {
            return UffdFeatures.None;
        }
    }

    private static UffdFeatures ProbeSupportedFeatures()
    {
        using SafeUserfaultfdHandle handle = UserfaultfdFactory.Create(new UserfaultfdOptions(), out _);
        Errno errno = Handshake(handle, UffdFeatures.None, out UffdFeatures supported);
        return errno == Errno.None ? supported : throw new UffdException("the userfaultfd handshake (UFFDIO_API) failed", errno);
    }

    private static unsafe Errno Handshake(SafeUserfaultfdHandle handle, UffdFeatures features, out UffdFeatures supported)
    {
        var argument = new uffdio_api { api = UserfaultfdAbi.UFFD_API, features = (ulong)features };
        int answer = LibC.Ioctl(handle, UserfaultfdAbi.UFFDIO_API, &argument);
        supported = (UffdFeatures)argument.features;
        return answer == 0 ? Errno.None : Kernel.LastErrno;
    }

    private static UffdException MissingFeatures(UffdFeatures missing) => new(Lacks(missing)) { IsUnavailable = true };

    private static string Lacks(UffdFeatures missing)
    {
        string names = string.Join(", ", UffdFeatureInfo.Describe(missing)
            .Select(info => string.Create(CultureInfo.InvariantCulture, $"{info.KernelName} (Linux {info.Since})")));
        return $"this kernel, Linux {Environment.OSVersion.Version}, has no {names}: a newer kernel is needed";
    }
}
