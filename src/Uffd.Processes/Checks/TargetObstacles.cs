using System.Globalization;

namespace Uffd.Processes;

/// <summary>Judges what was seen. Pure: the same facts give the same obstacles.</summary>
internal static class TargetObstacles
{
    private const string ContainerFilter = "docker run --security-opt seccomp=unconfined ... (Kubernetes: securityContext.seccompProfile.type: Unconfined)";

    public static IEnumerable<TargetObstacle> Of(TargetFacts target, CallerFacts caller)
    {
        if (Whole(target, caller) is { } whole)
        {
            return [whole]; // nothing else can be said
        }

        TargetObstacle?[] all =
        [
            Traced(target),
            PermissionObstacles.Calls(caller, ContainerFilter),
            PermissionObstacles.Memory(target, caller),
            Narrow(target),
            ShadowStack(target),
            Registered(target),
            PermissionObstacles.Seccomp(target, caller, ContainerFilter),
        ];
        return all.OfType<TargetObstacle>();
    }

    private static TargetObstacle? Whole(TargetFacts target, CallerFacts caller)
    {
        int id = target.ProcessId;
        return target switch
        {
            _ when !caller.ProcIsOwn => new("/proc shows another pid namespace than that of this program", "mount -t proc proc /proc", IsPermission: false),
            { IsSelf: true } => Plain("a process cannot stop and copy itself", remedy: null),
            { Status: null } => new(
                string.Create(CultureInfo.InvariantCulture, $"/proc does not show process {id} to this user (it is mounted with hidepid)"), "sudo mount -o remount,hidepid=0 /proc, or run as root", IsPermission: true),
            { Status.ThreadGroupId: { } group } when group != id => Plain(
                string.Create(CultureInfo.InvariantCulture, $"{id} is a thread, not a process"), string.Create(CultureInfo.InvariantCulture, $"name its process: {group}")),
            { IsKernelThread: true } => Plain(string.Create(CultureInfo.InvariantCulture, $"process {id} is a thread of the kernel: it has no memory of its own"), remedy: null),
            { HasLivingThread: false } => Plain(
                string.Create(CultureInfo.InvariantCulture, $"process {id} has ended: it only waits for its parent to take notice (a zombie)"), remedy: null),
            _ => null,
        };
    }

    private static TargetObstacle? Traced(TargetFacts target)
        => target.TracerId == 0 ? null : Plain(
            string.Create(CultureInfo.InvariantCulture, $"process {target.ProcessId} is being traced already, by process {target.TracerId} ({PermissionObstacles.Printable(target.TracerName)})"),
            "end that debugger or tracer, or detach it");

    private static TargetObstacle? Narrow(TargetFacts target)
        => target.Is32Bit ? Plain(string.Create(CultureInfo.InvariantCulture, $"process {target.ProcessId} is a 32-bit program"), remedy: null) : null;

    private static TargetObstacle? ShadowStack(TargetFacts target)
        => target.HasShadowStack ? Plain(
            string.Create(CultureInfo.InvariantCulture, $"process {target.ProcessId} runs with shadow stacks, which no machine has yet proven this with"),
            "start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off") : null;

    private static TargetObstacle? Registered(TargetFacts target)
        => target.Registered is { } region ? Plain(
            string.Create(CultureInfo.InvariantCulture, $"process {target.ProcessId} has memory under a userfaultfd already ({region.Range}): a pager's, its own, or of another snapshot of it that is running"),
            "wait for the other snapshot; memory that a pager fills cannot be taken over") : null;

    private static TargetObstacle Plain(string what, string? remedy) => new(what, remedy, IsPermission: false);
}
