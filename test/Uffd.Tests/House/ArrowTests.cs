using System.Xml.Linq;

namespace Uffd.Tests.House;

/// <summary>Who may know whom: arrows between projects point down only, and the libraries stand on nothing but .NET.</summary>
public class ArrowTests
{
    private const string Tool = "Uffd.Tool";

    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Uffd"] = [],
        ["Uffd.Processes"] = ["Uffd"],
        ["Uffd.Paging"] = ["Uffd"],
        ["Uffd.PagerProcess"] = ["Uffd.Paging", "Uffd"],
        ["Uffd.Snapshots"] = ["Uffd.Processes", "Uffd.Paging", "Uffd"],
        ["Uffd.Migration"] = ["Uffd.Snapshots", "Uffd.Processes", "Uffd.Paging", "Uffd"],
        ["Uffd.Daemon"] = ["Uffd.Migration", "Uffd.Snapshots", "Uffd.Processes", "Uffd.Paging", "Uffd"],
        [Tool] = ["Uffd.Daemon", "Uffd.Migration", "Uffd.Snapshots", "Uffd.Processes", "Uffd.Paging", "Uffd"],
    };

    [Fact]
    public void Projects_refer_to_those_below_only()
    {
        string[] projects = Directory.GetFiles(Path.Combine(Root(), "src"), "*.csproj", SearchOption.AllDirectories);
        Assert.NotEmpty(projects);
        Assert.Empty(projects.SelectMany(file => Violations(Path.GetFileNameWithoutExtension(file), XDocument.Load(file))));
    }

    [Fact]
    public void Nothing_is_given_to_every_library_behind_its_back()
    {
        foreach (string file in Directory.GetFiles(Root(), "Directory.Build.*").Concat(Directory.GetFiles(Path.Combine(Root(), "src"), "Directory.*")))
        {
            Assert.Empty(PackageViolations("Uffd", XDocument.Load(file)));
        }
    }

    [Theory]
    [InlineData("Uffd", """<ProjectReference Include="../Uffd.Paging/Uffd.Paging.csproj" />""")]
    [InlineData("Uffd.Paging", """<ProjectReference Include="..\Uffd.Processes\Uffd.Processes.csproj" />""")]
    [InlineData("Uffd.Daemon", """<ProjectReference Include="../Uffd.Tool/Uffd.Tool.csproj" />""")]
    [InlineData("Uffd.Paging", """<ProjectReference Include="$(Root)/Somewhere/Else.csproj;../Uffd/Uffd.csproj" />""")]
    [InlineData("Uffd.Unheard", """<ProjectReference Include="../Uffd/Uffd.csproj" />""")]
    [InlineData("Uffd.Snapshots", """<PackageReference Include="Newtonsoft.Json" />""")]
    [InlineData("Uffd.Snapshots", """<Reference Include="SomeLibrary" />""")]
    public void Made_up_project_with_a_wrong_arrow_is_found(string project, string item)
        => Assert.Single(Violations(project, MadeUp(item)));

    [Theory]
    [InlineData("Uffd.Paging", """<ProjectReference Include="../Uffd/Uffd.csproj" />""")]
    [InlineData("Uffd.Daemon", """<ProjectReference Include="../Uffd.Snapshots/Uffd.Snapshots.csproj;../Uffd/Uffd.csproj" />""")]
    [InlineData("Uffd.Paging", """<PackageReference Include="Meziantou.Analyzer" PrivateAssets="all" />""")]
    [InlineData("Uffd.Tool", """<PackageReference Include="System.CommandLine" />""")]
    public void Made_up_project_without_one_is_not(string project, string item)
        => Assert.Empty(Violations(project, MadeUp(item)));

    private static XDocument MadeUp(string item) => XDocument.Parse($"<Project><ItemGroup>{item}</ItemGroup></Project>");

    private static IEnumerable<string> Violations(string project, XDocument file)
    {
        if (!Allowed.TryGetValue(project, out string[]? below))
        {
            yield return $"{project} has no place in the table of who may know whom";
            yield break;
        }

        foreach (string reference in Includes(file, "ProjectReference"))
        {
            string name = Path.GetFileNameWithoutExtension(reference.Replace('\\', '/'));
            if (!below.Contains(name, StringComparer.Ordinal))
            {
                yield return $"{project} refers to {name}";
            }
        }

        foreach (string violation in PackageViolations(project, file))
        {
            yield return violation;
        }
    }

    private static IEnumerable<string> PackageViolations(string project, XDocument file)
        => string.Equals(project, Tool, StringComparison.Ordinal)
            ? []
            : Includes(file, "PackageReference").Concat(Includes(file, "Reference"))
                .Where(package => !package.Contains("Analyzer", StringComparison.Ordinal))
                .Select(package => $"{project} stands on {package}");

    private static IEnumerable<string> Includes(XDocument file, string item)
        => file.Descendants()
            .Where(element => string.Equals(element.Name.LocalName, item, StringComparison.Ordinal))
            .Select(element => (string?)element.Attribute("Include"))
            .OfType<string>()
            .SelectMany(include => include.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>The folder with the solution, above the one that the tests run in.</summary>
    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Uffd.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("the tests do not run inside the project's folder");
    }
}
