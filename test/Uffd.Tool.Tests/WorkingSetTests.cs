using System.Text.Json;
using Uffd.Paging;

namespace Uffd.Tool.Tests;

/// <summary><c>uffd workingset</c>: what it shows, converts and refuses.</summary>
public sealed class WorkingSetTests
{
    private const int Page = 4096;

    [Fact]
    public void Shows_what_is_in_it()
    {
        using var folder = new TemporaryFolder();
        ToolRun run = ToolProcess.Run("workingset", Example(folder));
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Empty(run.Error);
        string[] lines = run.Output.Split('\n');
        Assert.Equal("format    uffd", lines[0]);
        Assert.Equal("image     256 KiB, 64 pages", lines[1]);
        Assert.Equal("pages     4 of 4 KiB, 16 KiB, 6.3 % of the image", lines[2]);
        Assert.Equal("runs      3 in order of touch; 3 in order of offset, the longest 8 KiB", lines[3]);
        Assert.Equal("order     25.0 % of the pages came right behind the one touched before; first 0x3000, 0x0, 0x3f000", lines[4]);

        // A page a column here, and four pages in eight rows: the first in the first, the last in the seventh.
        Assert.Equal("touched first  |   @                                                            |", lines[7]);
        Assert.Equal("               |    @                                                           |", lines[9]);
        Assert.Equal("               |@                                                               |", lines[11]);
        Assert.Equal("               |                                                               @|", lines[13]);
        Assert.Equal($"touched last   |{new string(' ', 64)}|", lines[14]);
    }

    [Fact]
    public void Json_has_the_documented_fields()
    {
        using var folder = new TemporaryFolder();
        ToolRun run = ToolProcess.Run("workingset", Example(folder), "--json");
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(["format", "imageBytes", "pageSize", "pages", "bytes", "runs", "sortedRuns", "sequentialShare", "plot"], root.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
        Assert.Equal("uffd", root.GetProperty("format").GetString());
        Assert.Equal(64 * Page, root.GetProperty("imageBytes").GetInt64());
        Assert.Equal(4, root.GetProperty("pages").GetInt64());
        Assert.Equal(0.25, root.GetProperty("sequentialShare").GetDouble());
        Assert.Equal(4, root.GetProperty("plot").EnumerateArray().SelectMany(row => row.EnumerateArray()).Sum(cell => cell.GetInt64()));
    }

    [Fact]
    public void Converts_to_vHive_and_back()
    {
        using var folder = new TemporaryFolder();
        string image = folder.File("image");
        byte[] content = new byte[64 * Page];
        new Random(1).NextBytes(content);
        File.WriteAllBytes(image, content);
        Assert.Equal(ExitCodes.Done, ToolProcess.Run("workingset", Example(folder), "--to", "vhive", "-o", folder.File("trace")).ExitCode);
        Assert.Equal("3000\n4000\n0\n3f000\n", File.ReadAllText(folder.File("trace")));
        ToolRun run = ToolProcess.Run("workingset", folder.File("trace"), "--to", "uffd", "-o", folder.File("again"), "--image", image, "--pages", folder.File("pages"));
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.StartsWith("format    a trace of vHive\n", run.Output, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(folder.File("set")), File.ReadAllBytes(folder.File("again")));
        Assert.Equal([.. content[..Page], .. content[(3 * Page)..(5 * Page)], .. content[(63 * Page)..]], File.ReadAllBytes(folder.File("pages")));
    }

    [Theory]
    [InlineData("missing", "there is no working set")]
    [InlineData("folder", "is a folder")]
    [InlineData("empty", "is empty")]
    [InlineData("text", "line 1 is not the offset")]
    [InlineData("cut", "its checksum is wrong")]
    public void What_is_no_working_set_is_one_line_and_status_4(string name, string because)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("folder"));
        File.WriteAllBytes(folder.File("empty"), []);
        File.WriteAllText(folder.File("text"), "what is this?\n");
        File.WriteAllBytes(folder.File("cut"), File.ReadAllBytes(Example(folder))[..^1]);
        ExpectFailure(ToolProcess.Run("workingset", folder.File(name)), ExitCodes.BadInput, because);
    }

    [Fact]
    public void Image_that_does_not_fit_is_one_line_and_status_4()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("image"), new byte[Page]);
        ExpectFailure(ToolProcess.Run("workingset", Example(folder), "--image", folder.File("image")), ExitCodes.BadInput, "does not fit the image");
    }

    [Fact]
    public void File_that_cannot_be_written_is_one_line_and_status_1()
    {
        using var folder = new TemporaryFolder();
        ExpectFailure(ToolProcess.Run("workingset", Example(folder), "--to", "vhive", "-o", folder.File("none/trace")), ExitCodes.Failed, "cannot be written");
    }

    [Theory]
    [InlineData("--to", "vhive")]
    [InlineData("-o", "x")]
    [InlineData("--to", "criu", "-o", "x")]
    [InlineData("--pages", "x")]
    [InlineData("--image", "")]
    public void Wrong_options_are_one_line_and_status_2(params string[] options)
    {
        using var folder = new TemporaryFolder();
        ExpectFailure(ToolProcess.Run(["workingset", Example(folder), .. options]), ExitCodes.Usage, "see uffd workingset --help");
    }

    private static string Example(TemporaryFolder folder)
    {
        var set = new WorkingSet([new SourceRange(3 * Page, 2 * Page), new SourceRange(0, Page), new SourceRange(63 * Page, Page)], Page, 64 * Page);
        WorkingSetFile.Write(folder.File("set"), set);
        return folder.File("set");
    }

    private static void ExpectFailure(ToolRun run, int status, string because)
    {
        Assert.Equal(status, run.ExitCode);
        Assert.Empty(run.Output);
        string line = Assert.Single(run.ErrorLines);
        Assert.StartsWith("uffd: ", line, StringComparison.Ordinal);
        Assert.Contains(because, line, StringComparison.Ordinal);
    }
}
