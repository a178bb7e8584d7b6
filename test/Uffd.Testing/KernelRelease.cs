using System.Text.RegularExpressions;

namespace Uffd.Testing;

/// <summary>
/// The version of a kernel with all three of its numbers: corrections come into the stable branches with the last one. Debian's
/// names of a release can leave it out (6.1.0-56-cloud-amd64), and it stands beside (Debian 6.1.192-2). Where a distribution
/// tells it nowhere, the kernel counts as the first of its branch.
/// </summary>
/// <param name="Number">Such as 6.1.192.</param>
public sealed partial record KernelRelease(Version Number)
{
    private static readonly Lazy<KernelRelease> OfThisMachine = new(() => Parse(
        File.ReadAllText("/proc/sys/kernel/osrelease"),
        File.ReadAllText("/proc/sys/kernel/version")));

    /// <summary>The kernel that runs.</summary>
    public static KernelRelease Running => OfThisMachine.Value;

    /// <summary>Reads what uname(1) prints.</summary>
    /// <param name="release">uname -r.</param>
    /// <param name="build">uname -v.</param>
    public static KernelRelease Parse(string release, string build)
    {
        Version named = Version.Parse(AtStart().Match(release).Value);
        Match beside = OfDebian().Match(build);
        Version told = beside.Success ? Version.Parse(beside.Groups["number"].Value) : named;
        return new KernelRelease(told > named ? told : named);
    }

    /// <summary>Whether this is that version or a later one of the same branch.</summary>
    /// <param name="first">Such as 6.1.191.</param>
    public bool IsOfBranch(Version first) => (Number.Major, Number.Minor) == (first.Major, first.Minor) && Number >= first;

    [GeneratedRegex(@"^\d+\.\d+(\.\d+)?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AtStart();

    [GeneratedRegex(@"\bDebian (?<number>\d+\.\d+(\.\d+)?)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OfDebian();
}
