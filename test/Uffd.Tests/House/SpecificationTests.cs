using System.Text.RegularExpressions;

namespace Uffd.Tests.House;

/// <summary>The specification names the tests that hold each promise. A name that no longer exists is a promise without one.</summary>
public partial class SpecificationTests
{
    [Fact]
    public void Every_test_it_names_exists()
    {
        string root = Root();
        string[] missing = FindMissing(File.ReadAllText(Path.Combine(root, "SPECIFICATION.md")), SourcesBelow(Path.Combine(root, "test")));
        Assert.Empty(missing);
    }

    [Theory]
    [InlineData("`ThingTests.No_such_promise`")]
    [InlineData("`NoSuchTests`")]
    public void Name_that_does_not_exist_is_found(string text)
        => Assert.Single(FindMissing(text, ["public class ThingTests { public void Some_promise() { } }"]));

    [Theory]
    [InlineData("`ThingTests.Some_promise`")]
    [InlineData("`ThingTests` and `uffd serve`")]
    public void Name_that_exists_is_not(string text)
        => Assert.Empty(FindMissing(text, ["public class ThingTests { public void Some_promise() { } }"]));

    private static string[] FindMissing(string specification, IReadOnlyCollection<string> sources) =>
    [
        .. TestName().Matches(specification)
            .Where(name => !sources.Any(source =>
                source.Contains($"class {name.Groups["class"].Value}", StringComparison.Ordinal)
                && (!name.Groups["method"].Success || source.Contains($" {name.Groups["method"].Value}(", StringComparison.Ordinal))))
            .Select(name => name.Value),
    ];

    private static string[] SourcesBelow(string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(File.ReadAllText),
    ];

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Uffd.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests do not lie below the solution");
    }

    [GeneratedRegex(@"`(?<class>[A-Z]\w*Tests)(\.(?<method>\w+))?`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TestName();
}
