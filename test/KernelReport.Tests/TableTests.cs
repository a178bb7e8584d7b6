using Uffd.KernelReport;

namespace KernelReport.Tests;

/// <summary>From folders of results to the table.</summary>
public sealed class TableTests : IDisposable
{
    private const string Mark = "1234";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Columns_go_from_the_oldest_kernel_to_the_host()
    {
        Run("host", "6.18.44", null, Passed("One"));
        Run("7.3", "7.3-cloud-amd64", "7.3~rc7-1~exp1", Passed("One"));
        Run("5.10", "5.10.0-46-cloud-amd64", "5.10.262-1", Passed("One"));
        Assert.Equal("5.10.262, 7.3-rc7, host 6.18.44", string.Join(", ", Read().Select(column => column.Title)));
    }

    [Fact]
    public void Run_of_another_program_is_left_out_and_said_so()
    {
        Run("host", "6.18.44", null, Passed("One"));
        Run("5.10", "5.10.0-46", "5.10.262-1", Passed("One"), mark: "old");
        using var log = new StringWriter();
        Assert.Single(Column.ReadAll(_folder.Path, Mark, log));
        Assert.Contains("left out: 5.10", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Case_that_only_another_kernel_ran_is_listed()
    {
        Run("host", "6.18.44", null, Passed("One") + Passed("Two"));
        Run("5.10", "5.10.0-46", "5.10.262-1", Passed("One"));
        Column old = Read()[0];
        Assert.Equal((1, 1), (old.Count(Outcome.Passed), old.Count(Outcome.Skipped)));
        Assert.Contains("- `Group.Two` on 5.10.262: `was not run`", Print(), StringComparison.Ordinal);
    }

    [Fact]
    public void Table_tells_the_four_outcomes_apart()
    {
        string skip = """<test name="A.Group.Three" type="A.Group" result="Skip" source-file="G.cs" source-line="3"><reason>not supported: needs MOVE (Linux 6.8)</reason></test>""";
        string otherwise = """<test name="A.Group.Four" type="A.Group" result="Skip" source-file="G.cs" source-line="4"><reason>this needs luck</reason></test>""";
        string failed = """<test name="A.Group.Two" type="A.Group" result="Fail" source-file="G.cs" source-line="2"><failure><message>a | b</message></failure></test>""";
        Run("5.10", "5.10.0-46", "5.10.262-1", Passed("One") + failed + skip + otherwise);
        string table = Print();
        Assert.Contains("| 5.10.0-46 (package 5.10.262-1) | 1 | 1 | 1 | 1 |", table, StringComparison.Ordinal);
        Assert.Contains("| `One` | ✔ |  |", table, StringComparison.Ordinal);
        Assert.Contains("| `Two` | ✘ |  |", table, StringComparison.Ordinal);
        Assert.Contains("| `Three` | – | MOVE (6.8) |", table, StringComparison.Ordinal);
        Assert.Contains("| `Four` | ○ |  |", table, StringComparison.Ordinal);
        Assert.Contains("- `Group.Two` on 5.10.262: `a | b`", table, StringComparison.Ordinal);
        Assert.Contains("| `EVENT_FORK` | 4.11 | ✔ |", table, StringComparison.Ordinal);
        Assert.Contains("| `MOVE` | 6.8 | – |", table, StringComparison.Ordinal);
        Assert.Contains("| `bit 17` | not named by this library | ✔ |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Failure_outside_of_a_case_counts()
    {
        Run("host", "6.18.44", null, Passed("One"), errors: """<error type="fixture-cleanup" name="Swap"><failure><message>swapoff</message></failure></error>""");
        Assert.Equal(1, Read()[0].Count(Outcome.Failed));
        Assert.Contains("- `Outside of cases.fixture-cleanup Swap` on host 6.18.44: `swapoff`", Print(), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static string Passed(string name) => $"""<test name="A.Group.{name}" type="A.Group" result="Pass" source-file="G.cs" source-line="1" />""";

    private Column[] Read() => Column.ReadAll(_folder.Path, Mark, TextWriter.Null);

    private string Print()
    {
        using var output = new StringWriter();
        new Table(Read()).Write(output, notes: null);
        return output.ToString();
    }

    private void Run(string column, string kernel, string? package, string tests, string mark = Mark, string errors = "")
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder.Path, column)).FullName;
        File.WriteAllText(Path.Combine(folder, "mark"), mark + "\n");
        File.WriteAllText(Path.Combine(folder, "facts"), $"kernel {kernel}\r\nfeature EVENT_FORK\nfeature bit 17\n{(package is null ? "" : $"package {package}\n")}");
        File.WriteAllText(Path.Combine(folder, "results.xml"), $"<assemblies><assembly><errors>{errors}</errors><collection>{tests}</collection></assembly></assemblies>");
    }
}
