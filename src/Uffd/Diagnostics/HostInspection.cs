using System.IO.Compression;
using System.Runtime.InteropServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Diagnostics;

/// <summary>Gathers what a <see cref="HostReport"/> says. Whatever cannot be read is null.</summary>
internal static class HostInspection
{
    public static HostReport Collect()
    {
        string? status = Read("/proc/self/status");
        string release = Read("/proc/sys/kernel/osrelease")?.Trim() ?? Environment.OSVersion.Version.ToString();
        IReadOnlyList<UffdCreationAttempt> creation = Userfaultfd.ProbeCreation();
        UffdFeatures? features = TryFeatures(creation);
        long? unprivileged = ProcText.Number(Read("/proc/sys/vm/unprivileged_userfaultfd"));
        bool? kernelHasDevice = ProcText.MiscHas(Read("/proc/misc"), "userfaultfd");
        return new HostReport
        {
            KernelRelease = release,
            Machine = RuntimeInformation.ProcessArchitecture switch
            {
                Architecture.X64 => "x86_64",
                Architecture.Arm64 => "aarch64",
                var other => other.ToString().ToLowerInvariant(),
            },
            PageSize = Environment.SystemPageSize,
            Support = SupportFrom(creation, unprivileged, kernelHasDevice, () => KernelConfiguration(release)),
            Creation = creation,
            Features = features,
            UnprivilegedUserfaultfd = unprivileged,
            Device = TryDevice(UserfaultfdFactory.DevicePath),
            KernelHasDevice = kernelHasDevice,
            EffectiveUserId = LibC.GetEUid(),
            HasCapSysPtrace = ProcText.HasCapability(status, "CapEff", InspectionAbi.CAP_SYS_PTRACE),
            HasCapSysAdmin = ProcText.HasCapability(status, "CapEff", InspectionAbi.CAP_SYS_ADMIN),
            PtraceAnswer = TracingProbe.TryPtrace(),
            PidfdGetfdAnswer = TracingProbe.TryPidfdGetfd(),
            HasPagemapScan = TracingProbe.HasPagemapScan(),
            CanFollowForks = features is { } bits && bits.HasFlag(UffdFeatures.EventFork) ? CanFollowForks() : null,
            SeccompMode = ProcText.Number(ProcText.Field(status, "Seccomp")),
            HugePages2MiB = TryHugePages("/sys/kernel/mm/hugepages/hugepages-2048kB"),
            TransparentHugePages = ProcText.Chosen(Read("/sys/kernel/mm/transparent_hugepage/enabled")),
            SharedTransparentHugePages = ProcText.Chosen(Read("/sys/kernel/mm/transparent_hugepage/shmem_enabled")),
            KsmRun = ProcText.Number(Read("/sys/kernel/mm/ksm/run")),
            OpenFiles = ProcText.Limit(Read("/proc/self/limits"), "Max open files"),
            YamaPtraceScope = ProcText.Number(Read("/proc/sys/kernel/yama/ptrace_scope")),
            SelfTest = PagingSelfTest.Run(),
        };
    }

    /// <summary>
    /// Whether userfaultfd is compiled in. A seccomp filter can answer EPERM or ENOSYS in the kernel's place, so a refusal by
    /// itself proves nothing; the sysctl, the device's name in /proc/misc and the configuration do.
    /// </summary>
    internal static KernelSupport SupportFrom(
        IReadOnlyList<UffdCreationAttempt> creation, long? unprivileged, bool? kernelHasDevice, Func<string?> configuration)
    {
        bool answered = creation.Any(attempt => attempt.Errno is not (Errno.ENOSYS or Errno.EPERM or Errno.EACCES or Errno.ENOENT));
        if (answered || unprivileged is not null || kernelHasDevice == true)
        {
            return KernelSupport.BuiltIn;
        }

        return ProcText.ConfigHas(configuration(), "CONFIG_USERFAULTFD") switch
        {
            true => KernelSupport.BuiltIn,
            false => KernelSupport.NotBuiltIn,
            null => KernelSupport.Unknown,
        };
    }

    /// <summary>A file's text, or null when it is absent, forbidden or fails while it is read.</summary>
    internal static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? KernelConfiguration(string release)
    {
        try
        {
            using var reader = new StreamReader(new GZipStream(File.OpenRead("/proc/config.gz"), CompressionMode.Decompress));
            return reader.ReadToEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return Read($"/boot/config-{release}");
        }
    }

    private static UffdFeatures? TryFeatures(IReadOnlyList<UffdCreationAttempt> creation)
    {
        try
        {
            return creation.Any(attempt => attempt.Works) ? Userfaultfd.SupportedFeatures : null;
        }
        catch (UffdException)
        {
            return null;
        }
    }

    private static bool CanFollowForks()
    {
        try
        {
            Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.EventFork }).Dispose();
            return true;
        }
        catch (UffdException)
        {
            return false;
        }
    }

    private static HugePagePool? TryHugePages(string directory)
        => ProcText.Number(Read($"{directory}/nr_hugepages")) is { } total && ProcText.Number(Read($"{directory}/free_hugepages")) is { } free
            ? new HugePagePool(total, free)
            : null;

    private static unsafe DeviceFile? TryDevice(string path)
    {
        statx buffer;
        return LibC.Statx(DescriptorAbi.AT_FDCWD, path, 0, DescriptorAbi.STATX_TYPE | DescriptorAbi.STATX_MODE | DescriptorAbi.STATX_UID | DescriptorAbi.STATX_GID, &buffer) == 0
            ? new DeviceFile(path, ProcText.Mode(buffer.stx_mode), ProcText.NameOf(Read("/etc/passwd"), buffer.stx_uid), ProcText.NameOf(Read("/etc/group"), buffer.stx_gid))
            : null;
    }
}
