using System.Globalization;
using Uffd.Abi;
using Uffd.Diagnostics;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>What can be seen of a process from outside.</summary>
internal sealed record TargetFacts
{
    private const int ElfClassAt = 4;
    private const byte ELFCLASS32 = 1;
    private static readonly string[] RegisteredFlags = ["um", "uw", "ui"];

    public required int ProcessId { get; init; }

    /// <summary>Null where /proc does not show it.</summary>
    public StatusText? Status { get; init; }

    public bool IsSelf { get; init; }

    public bool IsKernelThread { get; init; }

    /// <summary>Whether a thread of it still runs: the first may have ended before others.</summary>
    public bool HasLivingThread { get; init; } = true;

    public int TracerId { get; init; }

    public string? TracerName { get; init; }

    /// <summary>Whether any thread is under seccomp.</summary>
    public bool HasSeccomp { get; init; }

    public bool HasShadowStack { get; init; }

    /// <summary>Whom /proc/PID/mem belongs to: root where the process is not dumpable, its user otherwise.</summary>
    public uint? OwnerOfFiles { get; init; }

    /// <summary>What opening its memory for writing answered: it asks what ptrace's attaching asks (PTRACE_MODE_ATTACH).</summary>
    public Errno Memory { get; init; }

    public string? UserNamespace { get; init; }

    public bool Is32Bit { get; init; }

    /// <summary>Memory of it that a userfaultfd is registered for.</summary>
    public MappedRegion? Registered { get; init; }

    public static TargetFacts Collect(int processId, StatusText? status)
    {
        var facts = new TargetFacts { ProcessId = processId, Status = status, IsSelf = processId == Environment.ProcessId };
        if (status is null || (status.ThreadGroupId is { } group && group != processId))
        {
            return facts;
        }

        StatusText[] threads = [.. ProcFile.ThreadsOf(processId)
            .Select(thread => StatusText.TryRead(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task/{thread}/status")))
            .OfType<StatusText>()];
        int tracer = threads.Append(status).Select(thread => thread.TracerId).FirstOrDefault(id => id != 0);
        facts = facts with
        {
            IsKernelThread = FlagsOf(HostInspection.Read(ProcFile.PathOf(processId, "stat"))) is { } flags && (flags & InspectionAbi.PF_KTHREAD) != 0,
            HasLivingThread = threads.Append(status).Any(thread => !thread.IsDead),
            TracerId = tracer,
            TracerName = tracer == 0 ? null : HostInspection.Read(ProcFile.PathOf(tracer, "comm"))?.Trim(),
            HasSeccomp = threads.Append(status).Any(thread => thread.SeccompMode != 0),
            HasShadowStack = threads.Append(status).Any(thread => thread.HasShadowStack),
            OwnerOfFiles = OwnerOf(ProcFile.PathOf(processId, "mem")),
        };
        return facts.IsSelf || facts.IsKernelThread || !facts.HasLivingThread ? facts : facts.WithMemory();
    }

    /// <summary>The ninth field of /proc/PID/stat. The second is a name in brackets, which may hold anything.</summary>
    internal static ulong? FlagsOf(string? stat)
    {
        int name = stat?.LastIndexOf(')') ?? -1;
        return name >= 0
            && stat![(name + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, _, _, _, var flags, ..]
            && ulong.TryParse(flags, NumberStyles.None, CultureInfo.InvariantCulture, out ulong bits) ? bits : null;
    }

    /// <summary>What takes the right to see its memory.</summary>
    private TargetFacts WithMemory()
    {
        try
        {
            ProcessMemory.Open(ProcessId).Dispose();
            return this with
            {
                UserNamespace = CallerFacts.LinkOf(ProcFile.PathOf(ProcessId, "ns/user")),
                Is32Bit = IsElf32(),
                Registered = RegionDetails.Read(ProcessId).FirstOrDefault(details => Array.Exists(RegisteredFlags, details.Has))?.Region,
            };
        }
        catch (UffdException exception)
        {
            return this with { Memory = exception.Errno };
        }
    }

    private bool IsElf32()
    {
        try
        {
            using FileStream program = File.OpenRead(ProcFile.PathOf(ProcessId, "exe"));
            Span<byte> head = stackalloc byte[ElfClassAt + 1];
            return program.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head[ElfClassAt] == ELFCLASS32;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false; // on a file system that is gone: the kernel has run it, and most are 64-bit
        }
    }

    private static unsafe uint? OwnerOf(string path)
    {
        statx buffer;
        return LibC.Statx(DescriptorAbi.AT_FDCWD, path, 0, DescriptorAbi.STATX_UID, &buffer) == 0 ? buffer.stx_uid : null;
    }
}
