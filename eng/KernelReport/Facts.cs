namespace Uffd.KernelReport;

/// <summary>What a kernel says about itself: lines of a word and its value.</summary>
/// <param name="Release">As uname(1) prints it.</param>
/// <param name="Package">The distribution's version of the package, or null.</param>
/// <param name="Features">The kernel's names of the features of userfaultfd.</param>
internal sealed record Facts(string Release, string? Package, IReadOnlySet<string> Features)
{
    /// <summary>The first two numbers of the release.</summary>
    public Version Version => KernelVersion.Parse(Release);

    /// <summary>The release without what the distribution adds, which counts what its stable branch has taken in.</summary>
    public string Name => Package is null ? KernelVersion.Bare(Release) : KernelVersion.Bare(Package);

    public static void Write(TextWriter output)
    {
        output.WriteLine($"kernel {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}");
        foreach (UffdFeatureInfo info in UffdFeatureInfo.Describe(Userfaultfd.SupportedFeatures))
        {
            output.WriteLine($"feature {info.KernelName}");
        }
    }

    public static Facts Read(string path)
    {
        ILookup<string, string> values = File.ReadLines(path)
            .Select(line => line.TrimEnd('\r').Split(' ', 2))
            .Where(words => words.Length == 2)
            .ToLookup(words => words[0], words => words[1], StringComparer.Ordinal);
        string release = values["kernel"].FirstOrDefault() ?? throw new InvalidDataException($"{path} names no kernel");
        return new Facts(release, values["package"].FirstOrDefault(), values["feature"].ToHashSet(StringComparer.Ordinal));
    }
}
