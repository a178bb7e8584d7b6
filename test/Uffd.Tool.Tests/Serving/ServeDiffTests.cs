namespace Uffd.Tool.Tests.Serving;

/// <summary><c>uffd serve --diff</c>: sparse files over the image.</summary>
public sealed class ServeDiffTests
{
    private const int Block = 16 << 10; // of data or hole; what a file system finds its holes in

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Clients_get_the_newest_diff_first_and_the_image_through_the_holes(bool background)
    {
        using var image = new ServedImage();
        byte[] expected = [.. image.Bytes];
        string[] diffs = [Write(image, expected, "mon", 1, 2, 7), Write(image, expected, "tue", 2, 3, 15), Write(image, expected, "wed")];
        await using ServeProcess serve = await image.ServeAsync(["--diff", diffs[0], diffs[1], "--diff", diffs[2], background ? "--background" : "--no-background"]);
        for (int client = 0; client < 2; client++)
        {
            await using NativeTarget target = await image.StartTargetAsync();
            await image.HandOverAsync(target);
            Assert.Equal(expected[2 * Block], (await target.TouchAsync(2 * Block)).Value);
            Assert.Equal(NativeTarget.Hash(expected), await target.HashAsync(0, (ulong)expected.Length));
        }

        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task Zeros_that_were_written_hide_the_image()
    {
        using var image = new ServedImage();
        string path = image.FilePath("zeros");
        using (FileStream file = File.Create(path))
        {
            file.SetLength(image.Bytes.Length);
            file.Position = Block;
            file.Write(new byte[Block]);
        }

        Requires.Holes(path, Block);
        await using ServeProcess serve = await image.ServeAsync("--diff", path);
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        byte[] expected = [.. image.Bytes];
        expected.AsSpan(Block, Block).Clear();
        Assert.Equal(NativeTarget.Hash(expected), await target.HashAsync(0, (ulong)expected.Length));
    }

    [Theory]
    [InlineData("missing", "there is no image")]
    [InlineData("empty", "is empty")]
    [InlineData("folder", "is a folder")]
    [InlineData("shorter", "has 262143 bytes and the image")]
    [InlineData("longer", "has 262145 bytes and the image")]
    public void Diff_that_cannot_be_served_is_one_line_with_its_name_and_status_4(string name, string because)
    {
        using var image = new ServedImage();
        File.WriteAllBytes(image.FilePath("empty"), []);
        Directory.CreateDirectory(image.FilePath("folder"));
        File.WriteAllBytes(image.FilePath("shorter"), new byte[image.Bytes.Length - 1]);
        File.WriteAllBytes(image.FilePath("longer"), new byte[image.Bytes.Length + 1]);
        string right = Write(image, [.. image.Bytes], "right", 1);
        ToolRun run = ToolProcess.Run("serve", "--socket", image.Socket, "--image", image.Path, "--diff", right, image.FilePath(name));
        Assert.Contains(because, run.Error, StringComparison.Ordinal);
        Assert.Contains(image.FilePath(name), run.Error, StringComparison.Ordinal);
        Assert.StartsWith("uffd: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(run.Output);
        Assert.Equal(ExitCodes.BadInput, run.ExitCode);
        Assert.False(File.Exists(image.Socket));
    }

    [Fact]
    public void Pipe_is_no_diff()
    {
        using var image = new ServedImage();
        ToolRun run = ToolProcess.RunProgram(
            "bash", ["-c", $"exec '{ToolProcess.DotnetPath}' '{ToolProcess.AssemblyPath}' serve --socket '{image.Socket}' --image '{image.Path}' --diff <(:)"]);
        Assert.Contains("is a pipe or a device", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.BadInput, run.ExitCode);
    }

    [Theory]
    [InlineData("--diff")]
    [InlineData("--diff", "")]
    [InlineData("--diff", "one", "")]
    public void Diff_without_a_name_is_one_line_and_status_2(params string[] options)
    {
        using var image = new ServedImage();
        ToolRun run = ToolProcess.Run(["serve", "--socket", image.Socket, "--image", image.Path, .. options]);
        Assert.EndsWith("; see uffd serve --help", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
    }

    /// <summary>A sparse file as long as the image, with data in some blocks, which is put into what is expected too.</summary>
    private static string Write(ServedImage image, byte[] expected, string name, params int[] blocks)
    {
        string path = image.FilePath(name);
        byte[] data = new byte[Block];
        using (FileStream file = File.Create(path))
        {
            file.SetLength(image.Bytes.Length);
            foreach (int block in blocks)
            {
                Random.Shared.NextBytes(data);
                data.CopyTo(expected, block * Block);
                file.Position = block * Block;
                file.Write(data);
            }
        }

        Requires.Holes(path, (ulong)(blocks.Length * Block));
        return path;
    }
}
