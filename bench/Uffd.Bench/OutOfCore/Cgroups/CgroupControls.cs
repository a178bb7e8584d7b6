namespace Uffd.Bench;

/// <summary>Shows that a place for control groups is found on systems that this one is not.</summary>
internal static class CgroupControls
{
    public static void Run()
    {
        Require(
            "a user's session under version 2",
            ["0::/user.slice/user-1000.slice/session-1.scope"],
            ["30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"],
            isVersion2: true,
            "/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope",
            "/sys/fs/cgroup/user.slice/user-1000.slice", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup");
        Require(
            "a container with a name space of its own",
            ["0::/"],
            ["30 24 0:26 / /sys/fs/cgroup ro shared:4 - cgroup2 cgroup rw"],
            isVersion2: true,
            "/sys/fs/cgroup");
        Require(
            "a container without one, under version 1",
            ["4:cpu,memory:/docker/1234/below", "0::/docker/1234"],
            ["40 39 0:30 /docker/1234 /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory", "41 39 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"],
            isVersion2: false,
            "/sys/fs/cgroup/memory/below");
        if (CgroupPlace.Find(["0::/"], ["30 24 0:26 / /proc rw - proc proc rw"]) is not null)
        {
            throw new BenchException("self-check: a place for control groups was found where none is mounted");
        }
    }

    private static void Require(string what, string[] groups, string[] mounts, bool isVersion2, params string[] places)
    {
        if (CgroupPlace.Find(groups, mounts) is not { } found || found.IsVersion2 != isVersion2
            || !found.Candidates.SequenceEqual(places, StringComparer.Ordinal))
        {
            throw new BenchException($"self-check: the place for control groups was not found in {what}");
        }
    }
}
