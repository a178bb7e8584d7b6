using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text.Json;

namespace Uffd.Tool.Tests;

/// <summary><c>uffd demo</c>: three processes, and a child's memory that is verified as it arrives.</summary>
[SupportedOSPlatform("linux")]
public sealed partial class DemoTests
{
    private static readonly string[] Fields =
        ["verified", "bytes", "pages", "faults", "firstAccessMs", "eagerLoadMs", "allResidentMs", "faultP50Us", "faultP99Us", "backgroundPages", "zeroPages", "sha256"];

    [Fact]
    public void Json_is_one_verified_object_with_the_documented_fields()
    {
        Requires.Paging();
        using var folder = new TemporaryFolder();
        ToolRun run = RunIn(folder, "--size", "16MiB", "--json");
        JsonElement found = ExpectVerified(run, 16 << 20);
        Assert.Equal(4096, found.GetProperty("pages").GetInt64());
        Assert.InRange(found.GetProperty("faults").GetInt64(), 1, 4096);
        Assert.InRange(found.GetProperty("zeroPages").GetInt64(), 0, 256); // one in sixteen; those touched before they were looked at are copied
        foreach (string time in (string[])["firstAccessMs", "eagerLoadMs", "allResidentMs", "faultP50Us", "faultP99Us"])
        {
            Assert.True(found.GetProperty(time).GetDouble() > 0, time);
        }

        Assert.True(found.GetProperty("faultP99Us").GetDouble() >= found.GetProperty("faultP50Us").GetDouble());
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData((5 << 20) + 1234)]
    public void Real_file_of_any_length_is_verified(int length)
    {
        Requires.Paging();
        using var folder = new TemporaryFolder();
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        string path = folder.File("file");
        File.WriteAllBytes(path, bytes);
        ToolRun run = RunIn(folder, "--image", path, "--json");
        JsonElement found = ExpectVerified(run, length);
        Assert.Equal((length + 4095) / 4096, found.GetProperty("pages").GetInt64());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), found.GetProperty("sha256").GetString());
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public void Text_in_a_pipe_is_plain_ASCII()
    {
        Requires.Paging();
        using var folder = new TemporaryFolder();
        ToolRun run = RunIn(folder, "--size", "1MiB");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Empty(run.Error);
        Assert.All(run.Output, letter => Assert.True(letter is '\n' or (>= ' ' and <= '~'), $"'{letter}' ({(int)letter:x}) in the output"));
        Assert.Contains("every page, and SHA-256", run.Output, StringComparison.Ordinal);
        Assert.Contains("fault latency", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Ordinary_user_may_run_it()
    {
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0x1FF);
        ToolRun run = OrdinaryUser.Run(
            ["demo", "--size", "4MiB", "--json"],
            new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = folder.Path });
        ExpectVerified(run, 4 << 20);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("image", 2)] // while the image is made
    [InlineData("socket", 2)] // while the daemon serves
    [InlineData("socket", 15)]
    public async Task Interrupted_it_leaves_no_process_and_no_folder(string when, int signal)
    {
        Requires.Paging();
        using var folder = new TemporaryFolder();
        var start = new ProcessStartInfo("env", [.. ToolProcess.HearingSignals, ToolProcess.DotnetPath, ToolProcess.AssemblyPath, "demo", "--size", "128MiB"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TMPDIR"] = folder.Path;
        using Process demo = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (Directory.GetFiles(folder.Path, when, SearchOption.AllDirectories).Length == 0)
        {
            await Task.Delay(1, limit.Token);
        }

        Assert.Equal(0, Kill(demo.Id, signal));
        string output = await demo.StandardOutput.ReadToEndAsync(limit.Token);
        string error = await demo.StandardError.ReadToEndAsync(limit.Token);
        await demo.WaitForExitAsync(limit.Token);
        Assert.Equal("uffd: interrupted\n", error);
        Assert.Equal(ExitCodes.Interrupted, demo.ExitCode);
        Assert.Empty(output);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Empty(ProcessesThatName(folder.Path));
    }

    private static ToolRun RunIn(TemporaryFolder folder, params string[] options) => ToolProcess.RunProgram(
        ToolProcess.DotnetPath,
        [ToolProcess.AssemblyPath, "demo", .. options],
        new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = folder.Path });

    private static JsonElement ExpectVerified(ToolRun run, long bytes)
    {
        Assert.Equal("", run.Error);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement found = document.RootElement.Clone();
        Assert.Equal(Fields, found.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
        Assert.True(found.GetProperty("verified").GetBoolean());
        Assert.Equal(bytes, found.GetProperty("bytes").GetInt64());
        return found;
    }

    private static List<string> ProcessesThatName(string path)
    {
        var found = new List<string>();
        foreach (string process in Directory.GetDirectories("/proc").Where(name => char.IsAsciiDigit(Path.GetFileName(name)[0])))
        {
            try
            {
                if (File.ReadAllText($"{process}/cmdline") is { } line && line.Contains(path, StringComparison.Ordinal))
                {
                    found.Add(string.Create(CultureInfo.InvariantCulture, $"{process}: {line}"));
                }
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }

        return found;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
