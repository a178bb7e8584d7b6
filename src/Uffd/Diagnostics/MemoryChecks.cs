using System.Globalization;
using static Uffd.Diagnostics.HostCheckStatus;

namespace Uffd.Diagnostics;

/// <summary>Judges settings of memory management that change what paging sees: huge pages and merging.</summary>
internal static class MemoryChecks
{
    private const string Section = "Memory";
    private const string Untold = "none, or /sys does not tell";

    public static IEnumerable<HostCheck> Of(HostReport report) =>
    [
        HugePages(report.HugePages2MiB),
        TransparentHugePages(report.TransparentHugePages),
        SharedTransparentHugePages(report.SharedTransparentHugePages),
        Merging(report.KsmRun),
    ];

    private static HostCheck HugePages(HugePagePool? pool)
    {
        const string Why = "Only memory made of reserved huge pages (hugetlb) needs them.";
        const string Remedy = "echo 64 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
        return pool switch
        {
            null => new("memory.hugePages", Section, "2 MiB huge pages", Note, Untold, Why),
            { Total: 0 } => new("memory.hugePages", Section, "2 MiB huge pages", Note, "none reserved", Why, Remedy),
            { Free: 0 } => new("memory.hugePages", Section, "2 MiB huge pages", Note, string.Create(CultureInfo.InvariantCulture, $"{pool.Total} reserved, none free"), Why),
            _ => new("memory.hugePages", Section, "2 MiB huge pages", Good, string.Create(CultureInfo.InvariantCulture, $"{pool.Total} reserved, {pool.Free} free")),
        };
    }

    private static HostCheck TransparentHugePages(string? enabled) => enabled switch
    {
        null => new("memory.thp", Section, "THP", Note, Untold),
        "madvise" => new("memory.thp", Section, "THP", Good, "madvise: huge pages only where they are asked for"),
        "always" => new(
            "memory.thp",
            Section,
            "THP",
            Note,
            "always",
            "A huge page that is there hides 2 MiB at once: no fault is raised in it and Copy answers EEXIST. Release memory after registering it.",
            "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"),
        _ => new("memory.thp", Section, "THP", Good, enabled),
    };

    private static HostCheck SharedTransparentHugePages(string? enabled) => enabled switch
    {
        null => new("memory.thpShared", Section, "THP, shared memory", Note, Untold),
        "advise" => new("memory.thpShared", Section, "THP, shared memory", Good, "advise: huge pages only where they are asked for"),
        "always" or "within_size" or "force" => new(
            "memory.thpShared",
            Section,
            "THP, shared memory",
            Note,
            enabled,
            "As of THP, for memfds and other shared memory.",
            "echo advise | sudo tee /sys/kernel/mm/transparent_hugepage/shmem_enabled"),
        _ => new("memory.thpShared", Section, "THP, shared memory", Good, enabled),
    };

    private static HostCheck Merging(long? run) => run switch
    {
        null => new("memory.ksm", Section, "KSM", Note, Untold),
        1 => new(
            "memory.ksm",
            Section,
            "KSM",
            Note,
            "1: running",
            "Move answers EBUSY on a page that was merged with another.",
            "echo 2 | sudo tee /sys/kernel/mm/ksm/run"),
        0 => new("memory.ksm", Section, "KSM", Good, "0: merges nothing"),
        2 => new("memory.ksm", Section, "KSM", Good, "2: merges nothing, and has undone what it merged"),
        { } other => new("memory.ksm", Section, "KSM", Note, string.Create(CultureInfo.InvariantCulture, $"{other}: a value this program does not know")),
    };
}
