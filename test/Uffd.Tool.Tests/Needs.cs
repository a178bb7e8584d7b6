namespace Uffd.Tool.Tests;

/// <summary>What a test cannot do without. Where it is missing the test is skipped, and fails with UFFD_REQUIRE=1.</summary>
internal static class Needs
{
    public static void That(bool condition, string what)
    {
        if (condition)
        {
            return;
        }

        Assert.False(string.Equals(Environment.GetEnvironmentVariable("UFFD_REQUIRE"), "1", StringComparison.Ordinal), $"UFFD_REQUIRE=1, and this is missing: {what}");
        Assert.Skip($"needs {what}");
    }

    public static void Paging() => That(Userfaultfd.ProbeCreation().Any(attempt => attempt.Works), "a system that allows userfaultfd");

    public static void Root() => That(Environment.IsPrivilegedProcess, "root");

    public static void Program(string name)
        => That(Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(directory => File.Exists(Path.Combine(directory, name))), $"the program {name}");
}
