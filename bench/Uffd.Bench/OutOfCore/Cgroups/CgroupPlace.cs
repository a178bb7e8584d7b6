namespace Uffd.Bench;

/// <summary>Where memory control groups can be made: this process's own group, and for version 2 its parents.</summary>
/// <param name="IsVersion2">Which of the two kinds.</param>
/// <param name="Candidates">Directories, the first to be tried first.</param>
internal sealed record CgroupPlace(bool IsVersion2, IReadOnlyList<string> Candidates)
{
    /// <exception cref="CgroupException">The memory controller is not mounted.</exception>
    public static CgroupPlace Find()
    {
        string[] groups;
        string[] mounts;
        try
        {
            groups = File.ReadAllLines("/proc/self/cgroup");
            mounts = File.ReadAllLines("/proc/self/mountinfo");
        }
        catch (IOException e)
        {
            throw new CgroupException($"this kernel tells nothing about control groups: {e.Message}");
        }

        return Find(groups, mounts) ?? throw new CgroupException("the memory controller of control groups is not mounted");
    }

    /// <summary>From rows of /proc/self/cgroup and /proc/self/mountinfo. Where version 1 has the memory controller, version 2 cannot have it.</summary>
    public static CgroupPlace? Find(string[] groups, string[] mounts)
    {
        // A row is hierarchy:controllers:path.
        var rows = groups.Select(row => row.Split(':', 3)).Where(row => row.Length == 3).ToArray();
        if (rows.FirstOrDefault(row => row[1].Split(',').Contains("memory", StringComparer.Ordinal)) is { } first
            && Directories(first[2], mounts, "cgroup", "memory") is [var own, ..])
        {
            return new CgroupPlace(IsVersion2: false, [own]);
        }

        return rows.FirstOrDefault(row => row[0] is "0" && row[1].Length == 0) is { } unified
            && Directories(unified[2], mounts, "cgroup2", controller: null) is { Count: > 0 } all
                ? new CgroupPlace(IsVersion2: true, all)
                : null;
    }

    /// <summary>A group's directory and those of its parents, as far as they are mounted.</summary>
    private static List<string> Directories(string group, string[] mounts, string type, string? controller)
    {
        var directories = new List<string>();
        foreach (var mount in mounts)
        {
            // mountinfo: id parent device root mountpoint options... - type source superoptions
            var words = mount.Split(' ');
            var dash = Array.IndexOf(words, "-");
            if (dash < 6 || words.Length < dash + 4 || !string.Equals(words[dash + 1], type, StringComparison.Ordinal)
                || (controller is not null && !words[dash + 3].Split(',').Contains(controller, StringComparer.Ordinal)))
            {
                continue;
            }

            var root = words[3].TrimEnd('/');
            if (!(group.TrimEnd('/') + "/").StartsWith(root + "/", StringComparison.Ordinal))
            {
                continue;
            }

            for (var below = group[root.Length..].Trim('/'); ; below = Path.GetDirectoryName(below) ?? "")
            {
                directories.Add(Path.Combine(words[4], below));
                if (below.Length == 0)
                {
                    return directories;
                }
            }
        }

        return directories;
    }
}
