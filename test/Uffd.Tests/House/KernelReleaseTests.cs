namespace Uffd.Tests.House;

/// <summary>What the tests take a kernel for.</summary>
public class KernelReleaseTests
{
    [Theory]
    [InlineData("6.18.44-custom", "#1 SMP Mon Nov 16 10:00:00 UTC 2026", "6.18.44")]
    [InlineData("6.1.0-56-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)", "6.1.192")]
    [InlineData("6.12.117+deb13-cloud-amd64\n", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-11-10)\n", "6.12.117")]
    [InlineData("7.3-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.3~rc7-1~exp1 (2026-11-09)", "7.3")]
    public void Version_is_the_longest_that_the_kernel_tells(string release, string build, string expected)
        => Assert.Equal(Version.Parse(expected), KernelRelease.Parse(release, build).Number);

    [Theory]
    [InlineData("6.1.191", true)]
    [InlineData("6.1.192", true)]
    [InlineData("6.1.190", false)]
    [InlineData("6.1", false)]
    [InlineData("6.6.300", false)]
    public void Correction_of_a_branch_is_in_its_later_versions_only(string version, bool expected)
        => Assert.Equal(expected, KernelRelease.Parse(version, "").IsOfBranch(new Version(6, 1, 191)));
}
