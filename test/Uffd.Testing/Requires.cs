using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Xunit;

namespace Uffd.Testing;

/// <summary>
/// What a test needs of the machine. Where it is missing the test is skipped with the reason, or fails when the environment
/// says UFFD_REQUIRE=1: a machine that is meant to run everything must not pass by skipping.
/// </summary>
public static class Requires
{
    private static readonly Lazy<bool> CompilerIsThere = new(() => NativeCompiler.Find("gcc") is not null);

    /// <summary>Whether a missing requirement is a failure.</summary>
    public static bool IsStrict => string.Equals(Environment.GetEnvironmentVariable("UFFD_REQUIRE"), "1", StringComparison.Ordinal);

    /// <summary>Goes on only if the condition holds.</summary>
    /// <param name="condition">What is needed.</param>
    /// <param name="reason">Why the test cannot run without it.</param>
    public static void That([DoesNotReturnIf(false)] bool condition, string reason)
    {
        if (condition)
        {
            return;
        }

        if (IsStrict)
        {
            Assert.Fail($"UFFD_REQUIRE=1, and {reason}");
        }

        Assert.Skip(reason);
    }

    /// <summary>Needs the superuser.</summary>
    public static void Root() => That(Environment.IsPrivilegedProcess, "this needs root");

    /// <summary>Needs a program.</summary>
    /// <param name="name">Its name.</param>
    public static void Program(string name) => That(NativeCompiler.Find(name) is not null, $"this needs {name}");

    /// <summary>Needs a file system that finds the holes of a sparse file where it was not written.</summary>
    /// <param name="path">The file.</param>
    /// <param name="dataBytes">How much of it was written.</param>
    public static void Holes(string path, ulong dataBytes)
    {
        using FileStream file = File.OpenRead(path);
        ulong found = SparseFile.FindDataExtents(file.SafeFileHandle, (ulong)file.Length).Aggregate(0UL, (sum, extent) => sum + extent.Length);
        That(found == dataBytes, string.Create(CultureInfo.InvariantCulture, $"this needs a file system with smaller holes: of {dataBytes} bytes written it tells {found}"));
    }

    /// <summary>Needs gcc.</summary>
    public static void Compiler() => That(CompilerIsThere.Value, "this needs gcc");

    /// <summary>Needs a userfaultfd of any kind.</summary>
    public static void Paging() => That(Userfaultfd.ProbeCreation().Any(attempt => attempt.Works), "this needs a system that allows userfaultfd");

    /// <summary>Needs a userfaultfd that handles the kernel's faults too.</summary>
    public static void KernelFaults()
        => That(
            Userfaultfd.ProbeCreation().Any(attempt => attempt is { FaultScope: UffdFaultScope.UserAndKernel, Works: true }),
            "this needs a userfaultfd for the kernel's faults: root, or vm.unprivileged_userfaultfd=1");

    /// <summary>Needs features of the kernel, and of this caller a userfaultfd at all.</summary>
    /// <param name="features">All of them.</param>
    public static void Features(UffdFeatures features)
    {
        UffdFeatures supported;
        try
        {
            supported = Userfaultfd.SupportedFeatures;
        }
        catch (UffdException exception)
        {
            That(condition: false, exception.Message);
            return;
        }

        UffdFeatures missing = features & ~supported;
        Supported(
            missing == UffdFeatures.None,
            string.Join(", ", UffdFeatureInfo.Describe(missing).Select(info => string.Create(CultureInfo.InvariantCulture, $"{info.KernelName} (Linux {info.Since})"))));
    }

    /// <summary>Needs a kernel that is new enough for what has no feature bit.</summary>
    /// <param name="major">The first number of the version.</param>
    /// <param name="minor">The second.</param>
    /// <param name="what">What that version brought.</param>
    public static void Linux(int major, int minor, string what)
        => Supported(IsLinux(major, minor), string.Create(CultureInfo.InvariantCulture, $"{what} (Linux {major}.{minor})"));

    /// <summary>Needs a correction that the stable branches have taken in: each from one of its versions on.</summary>
    /// <param name="major">The first number of the version that brought it.</param>
    /// <param name="minor">The second.</param>
    /// <param name="what">What that version brought.</param>
    /// <param name="stable">The first version of each branch that has it too, such as 6.12.11.</param>
    public static void Linux(int major, int minor, string what, params IReadOnlyList<Version> stable)
        => Supported(
            IsLinux(major, minor) || stable.Any(KernelRelease.Running.IsOfBranch),
            string.Create(CultureInfo.InvariantCulture, $"{what}, also in {string.Join(" and ", stable)} (Linux {major}.{minor})"));

    /// <summary>Whether the kernel is of this version or a later one.</summary>
    /// <param name="major">The first number of the version.</param>
    /// <param name="minor">The second.</param>
    public static bool IsLinux(int major, int minor) => Environment.OSVersion.Version >= new Version(major, minor);

    /// <summary>
    /// Goes on only if the kernel has this. It is a skip also with UFFD_REQUIRE=1: that speaks of what a machine can be given
    /// (privileges, tools, memory), and an older kernel cannot be given anything.
    /// </summary>
    /// <param name="condition">Whether it has it.</param>
    /// <param name="what">The kernel's name for it and, in brackets, the version that brought it.</param>
    public static void Supported([DoesNotReturnIf(false)] bool condition, string what)
    {
        if (!condition)
        {
            Assert.Skip($"not supported: needs {what}");
        }
    }

    /// <summary>
    /// Needs huge pages of 2 MiB, which root reserves for the time of the test. Several tests and processes may do so at once:
    /// each adds its own to vm.nr_hugepages and takes them away again.
    /// </summary>
    /// <param name="count">How many.</param>
    /// <returns>Gives them back when disposed.</returns>
    public static IDisposable HugePages(int count)
    {
        Root();
        HugePageReservation? reservation = HugePageReservation.TryReserve(count);
        That(reservation is not null, string.Create(CultureInfo.InvariantCulture, $"this needs {count} huge pages of 2 MiB, and the kernel found no memory for them"));
        return reservation;
    }
}
