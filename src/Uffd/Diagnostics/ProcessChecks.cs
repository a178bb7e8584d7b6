using static Uffd.Diagnostics.HostCheckStatus;

namespace Uffd.Diagnostics;

/// <summary>Judges whether other processes can be traced, as a snapshot of one that runs, and was not prepared for it, takes.</summary>
internal static class ProcessChecks
{
    private const string Section = "Other processes";
    private const string Attaching = "attaching";
    private const string Tracking = "tracking";
    private const string Filtered = "under seccomp";

    public static IEnumerable<HostCheck> Of(HostReport report) => [Attach(report), Filter(report), Track(report)];

    private static HostCheck Attach(HostReport report)
    {
        const string Why = "Another user's processes, and those that are not dumpable, need CAP_SYS_PTRACE.";
        string privilege = report.EffectiveUserId == 0 ? "docker run --cap-add SYS_PTRACE ..." : "sudo uffd ...";
        return report switch
        {
            { PtraceAnswer: not Errno.None } => Refused("ptrace", report.PtraceAnswer),
            { PidfdGetfdAnswer: not Errno.None } => Refused("pidfd_getfd", report.PidfdGetfdAnswer),
            { YamaPtraceScope: >= 3 } => new("process.attach", Section, Attaching, Limited, "nobody may attach to a process: ptrace_scope is 3 or more until the next boot"),
            { HasCapSysPtrace: true } => new("process.attach", Section, Attaching, Good, "any process may be attached to (CAP_SYS_PTRACE)"),
            { HasCapSysPtrace: null } => new("process.attach", Section, Attaching, Note, "unknown: /proc/self/status cannot be read"),
            { YamaPtraceScope: 2 } => new("process.attach", Section, Attaching, Limited, "no process may be attached to: ptrace_scope is 2", Remedy: privilege),
            { YamaPtraceScope: 1 } => new("process.attach", Section, Attaching, Limited, "only own children may be attached to: ptrace_scope is 1", Why, privilege),
            _ => new("process.attach", Section, Attaching, Note, "only this user's own processes may be attached to", Why, privilege),
        };
    }

    private static HostCheck Refused(string call, Errno answer)
        => new("process.attach", Section, Attaching, Limited, $"{call} is refused: {UffdException.Describe(answer)}", "A seccomp filter does this, or a kernel that is too old.", CreationChecks.SeccompRemedy);

    private static HostCheck Filter(HostReport report)
    {
        const string Why = "Their filter is suspended for one system call; processes without a filter need no such thing.";
        return report switch
        {
            { HasCapSysAdmin: true, SeccompMode: null or 0 } => new("process.filtered", Section, Filtered, Good, "processes with a seccomp filter can be attached to (CAP_SYS_ADMIN)"),
            { HasCapSysAdmin: true } => new("process.filtered", Section, Filtered, Note, "no process with a seccomp filter: this one has a filter itself", Why),
            _ => new("process.filtered", Section, Filtered, Note, "no process with a seccomp filter: that takes CAP_SYS_ADMIN", Why),
        };
    }

    private static HostCheck Track(HostReport report)
    {
        const string Why = "A snapshot then stops its process for as long as the copy takes.";
        bool? tracks = report.Features is { } features ? features.HasFlag(UffdFeatures.WriteProtectAsync) : null;
        return (tracks, report.HasPagemapScan) switch
        {
            (true, true) => new("process.track", Section, Tracking, Good, "WP_ASYNC and PAGEMAP_SCAN: a snapshot stops its process for about a millisecond"),
            (false, _) => new("process.track", Section, Tracking, Note, "no WP_ASYNC: it came with Linux 6.7", Why),
            (_, false) => new("process.track", Section, Tracking, Note, "no PAGEMAP_SCAN: it came with Linux 6.7", Why),
            _ => new("process.track", Section, Tracking, Note, "unknown: the kernel could not be asked for WP_ASYNC and PAGEMAP_SCAN"),
        };
    }
}
