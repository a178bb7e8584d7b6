using System.Runtime.Versioning;

namespace Uffd.Tool.Tests.Serving;

/// <summary>What stops <c>uffd serve</c> and <c>uffd demo</c> from beginning: one line and a status.</summary>
[SupportedOSPlatform("linux")]
public sealed class ServeFailureTests
{
    [Theory]
    [InlineData("serve", "missing", "there is no image")]
    [InlineData("serve", "empty", "is empty")]
    [InlineData("serve", "folder", "is a folder")]
    [InlineData("serve", "folder/missing/image", "there is no image")]
    [InlineData("demo", "missing", "there is no image")]
    [InlineData("demo", "empty", "is empty")]
    [InlineData("demo", "folder", "is a folder")]
    public void Image_that_cannot_be_served_is_one_line_and_status_4(string verb, string name, string because)
    {
        using var image = new ServedImage();
        File.WriteAllBytes(image.FilePath("empty"), []);
        Directory.CreateDirectory(image.FilePath("folder"));
        string path = image.FilePath(name);
        ToolRun run = verb is "serve" ? ToolProcess.Run(verb, "--socket", image.Socket, "--image", path) : ToolProcess.Run(verb, "--image", path);
        ExpectFailure(run, ExitCodes.BadInput, because);
        Assert.False(File.Exists(image.Socket));
    }

    [Fact]
    public void Pipe_is_no_image()
    {
        using var image = new ServedImage();
        ToolRun run = ToolProcess.RunProgram(
            "bash", ["-c", $"exec '{ToolProcess.DotnetPath}' '{ToolProcess.AssemblyPath}' serve --socket '{image.Socket}' --image <(:)"]);
        ExpectFailure(run, ExitCodes.BadInput, "is a pipe or a device");
    }

    [Fact]
    public void Image_that_may_not_be_read_is_one_line_and_status_4()
    {
        using var image = new ServedImage();
        File.SetUnixFileMode(Path.GetDirectoryName(image.Path)!, (UnixFileMode)0x1FF);
        File.SetUnixFileMode(image.Path, UnixFileMode.UserRead);
        ToolRun run = OrdinaryUser.Run(["serve", "--socket", image.Socket, "--image", image.Path]);
        ExpectFailure(run, ExitCodes.BadInput, "may not be read");
    }

    [Fact]
    public async Task Socket_of_a_living_daemon_is_one_line_and_status_1()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync();
        ExpectFailure(ToolProcess.Run("serve", "--socket", image.Socket, "--image", image.Path), ExitCodes.Failed, "another process listens there");
    }

    [Fact]
    public void File_in_the_sockets_place_is_left_alone()
    {
        using var image = new ServedImage();
        ExpectFailure(ToolProcess.Run("serve", "--socket", image.Path, "--image", image.Path), ExitCodes.Failed, "the file is no socket");
        Assert.Equal(image.Bytes, File.ReadAllBytes(image.Path));
    }

    [Theory]
    [InlineData("--socket", "")]
    [InlineData("--image", "")]
    [InlineData("--drain", "-1")]
    [InlineData("--drain", "NaN")]
    [InlineData("--drain", "soon")]
    [InlineData("--handshake-timeout", "0")]
    [InlineData("--max-clients", "0")]
    [InlineData("--cpus", "")]
    [InlineData("--read-ahead", "far")]
    [InlineData("--read-ahead", "2TiB")]
    [InlineData("--background-rate", "0")]
    [InlineData("--cpus", "one")]
    [InlineData("--cpus", "0,8191")]
    [InlineData("--max-clients", "-5")]
    [InlineData("--spin", "-1")]
    [InlineData("--spin", "2000000")]
    [InlineData("--on-error", "ignore")]
    [InlineData("--allow-uid", "-1")]
    [InlineData("--allow-uid", "nobody")]
    [InlineData("--background", "--no-background")]
    [InlineData("--record", "")]
    [InlineData("--record", "a", "--replay", "b")]
    public void Wrong_options_are_one_line_and_status_2(params string[] options)
    {
        using var image = new ServedImage();
        string[] socket = options[0] is "--socket" ? [] : ["--socket", image.Socket];
        string[] file = options[0] is "--image" ? [] : ["--image", image.Path];
        ToolRun run = ToolProcess.Run(["serve", .. socket, .. file, .. options]);
        ExpectFailure(run, ExitCodes.Usage, "see uffd serve --help");
    }

    [Theory]
    [InlineData("--image", "")]
    [InlineData("--size", "1KiB")]
    [InlineData("--size", "much")]
    [InlineData("--size", "2TiB")]
    public void Wrong_options_of_the_demo_are_one_line_and_status_2(params string[] options)
        => ExpectFailure(ToolProcess.Run(["demo", .. options]), ExitCodes.Usage, "see uffd demo --help");

    private static void ExpectFailure(ToolRun run, int status, string because)
    {
        Assert.Contains(because, run.Error, StringComparison.Ordinal);
        string line = Assert.Single(run.ErrorLines);
        Assert.StartsWith("uffd: ", line, StringComparison.Ordinal);
        Assert.Empty(run.Output);
        Assert.Equal(status, run.ExitCode);
    }
}
