using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text.Json;
using Uffd.Tool.OutOfCore;

namespace Uffd.Tool.Tests;

/// <summary><c>uffd demo outofcore</c>: memory larger than what it may take, verified, beside a mapped file.</summary>
[SupportedOSPlatform("linux")]
public sealed partial class OutOfCoreTests
{
    private static readonly string[] Fields =
    [
        "verified", "seconds", "mmapSeconds", "ratio", "hitRate", "residentBytes", "dirtyBytes", "limitBytes", "fileBytes", "reads", "writes",
        "misses", "storeReadBytes", "storeWrittenBytes", "mmapLimited", "direct",
    ];

    [Fact]
    public void Json_is_one_verified_object_with_the_documented_fields()
    {
        RequireOwnMemory();
        using var folder = new TemporaryFolder();
        ToolRun run = RunIn(folder, "--size", "16MiB", "--limit", "1MiB", "--json");
        Assert.Equal("", run.Error);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        using var document = JsonDocument.Parse(run.Output);
        JsonElement found = document.RootElement;
        Assert.Equal(Fields, found.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
        Assert.True(found.GetProperty("verified").GetBoolean());
        Assert.Equal(16 << 20, found.GetProperty("fileBytes").GetInt64());
        Assert.Equal(1 << 20, found.GetProperty("limitBytes").GetInt64());
        Assert.InRange(found.GetProperty("residentBytes").GetInt64(), 1, 1 << 20);
        Assert.InRange(found.GetProperty("dirtyBytes").GetInt64(), 0, 1 << 20);
        Assert.InRange(found.GetProperty("hitRate").GetDouble(), 0.1, 0.999); // both happen: pages that are there and pages that are not
        Assert.True(found.GetProperty("storeWrittenBytes").GetInt64() > 0, "nothing was written back to make room");
        Assert.InRange(found.GetProperty("writes").GetInt64(), 1, found.GetProperty("reads").GetInt64());
        Assert.True(found.GetProperty("seconds").GetDouble() > 0);
        Assert.True(found.GetProperty("mmapSeconds").GetDouble() > 0);
        bool isComparable = found.GetProperty("mmapLimited").GetBoolean() && found.GetProperty("direct").GetBoolean();
        Assert.Equal(isComparable ? JsonValueKind.Number : JsonValueKind.Null, found.GetProperty("ratio").ValueKind);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Text_in_a_pipe_is_plain_ASCII()
    {
        RequireOwnMemory();
        using var folder = new TemporaryFolder();
        ToolRun run = RunIn(folder, "--size", "3MiB");
        Assert.Equal("", run.Error);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.All(run.Output, letter => Assert.True(letter is '\n' or (>= ' ' and <= '~'), $"'{letter}' ({(int)letter:x}) in the output"));
        Assert.Contains("every record, in the file opened anew", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("records", 2)] // while the region is at work, or its file is made
    [InlineData("mapped", 15)] // while the other process is
    public async Task Interrupted_it_leaves_no_process_and_no_folder(string when, int signal)
    {
        RequireOwnMemory();
        using var folder = new TemporaryFolder();
        var start = new ProcessStartInfo("env", [.. ToolProcess.HearingSignals, ToolProcess.DotnetPath, ToolProcess.AssemblyPath, "demo", "outofcore", "--size", "96MiB"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TMPDIR"] = folder.Path;
        using Process demo = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TestTime.Scaled(TimeSpan.FromSeconds(60)));
        while (Directory.GetFiles(folder.Path, when, SearchOption.AllDirectories).Length == 0)
        {
            Assert.False(demo.HasExited);
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
    }

    [Fact]
    public void A_record_that_is_wrong_in_one_bit_or_of_another_version_is_known()
    {
        byte[] record = new byte[Records.Size];
        Records.Fill(record, 77, 3);
        Assert.True(Records.IsRight(record, 77, 3));
        Assert.False(Records.IsRight(record, 77, 2));
        Assert.False(Records.IsRight(record, 78, 3));
        for (int bit = 0; bit < record.Length * 8; bit++)
        {
            record[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(Records.IsRight(record, 77, 3));
            record[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Memory_that_forgets_a_write_is_found_at_the_end()
    {
        const int Bytes = 4 << 20;
        var honest = new ArrayRecords(Bytes, forgets: -1);
        var work = new RecordWork(Bytes, 20_000);
        work.Run(honest, CancellationToken.None);
        Assert.Equal(0, work.Wrong + work.Verify(honest, _ => { }, CancellationToken.None));
        Assert.Equal(20_000, work.Reads);
        Assert.InRange(work.Writes, 5_000, 7_000);

        var forgetful = new ArrayRecords(Bytes, forgets: 5_000);
        work = new RecordWork(Bytes, 20_000);
        work.Run(forgetful, CancellationToken.None);
        Assert.NotEqual(0, work.Wrong + work.Verify(forgetful, _ => { }, CancellationToken.None));
    }

    private static void RequireOwnMemory()
    {
        Requires.Paging();
        Requires.Features(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
    }

    private static ToolRun RunIn(TemporaryFolder folder, params string[] options) => ToolProcess.RunProgram(
        ToolProcess.DotnetPath,
        [ToolProcess.AssemblyPath, "demo", "outofcore", .. options],
        new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = folder.Path });

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);

    /// <summary>An array, which may lose one write.</summary>
    private sealed class ArrayRecords : IRecordMemory
    {
        private readonly byte[] _bytes;
        private readonly int _forgets;
        private int _writes;

        public ArrayRecords(int length, int forgets)
        {
            _bytes = new byte[length];
            _forgets = forgets;
            for (int at = 0; at < length; at += Records.Size)
            {
                Records.Fill(_bytes.AsSpan(at, Records.Size), at / Records.Size, 0);
            }
        }

        public void Read(long offset, Span<byte> destination) => _bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);

        public void Write(long offset, ReadOnlySpan<byte> source)
        {
            if (Interlocked.Increment(ref _writes) != _forgets)
            {
                source.CopyTo(_bytes.AsSpan((int)offset));
            }
        }

        public void Flush()
        {
            // It is an array.
        }
    }
}
