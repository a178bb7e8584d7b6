using System.Globalization;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>gdb and readelf take our cores for what they are: as good as the live process.</summary>
public sealed class GdbTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Core_shows_the_same_frames_memory_and_registers_as_the_live_process()
    {
        Requires.Root();
        Gdb.Require();
        using CoreTarget target = CoreTarget.Start(_folder);
        string core = WriteCore(target);
        string[] ofCore = [CoreTarget.Program, core];
        string[] ofProcess = ["-p", target.ProcessId.ToString(CultureInfo.InvariantCulture)];

        SortedDictionary<int, string> traces = Gdb.Backtraces(ofCore);
        Assert.Equal(CoreTarget.Threads + 1, traces.Count);
        Assert.Equal(1 + (CoreTarget.Threads / 2), traces.Values.Count(trace => trace.Contains("spin_with_vector;middle_frame;thread_main;", StringComparison.Ordinal)));
        Assert.Equal(CoreTarget.Threads / 2, traces.Values.Count(trace => trace.Contains("stand_in_pipe;middle_frame;thread_main;", StringComparison.Ordinal)));
        Assert.Contains("main;", traces[target.ProcessId], StringComparison.Ordinal);

        foreach ((string name, AddressRange range) in target.Patterns)
        {
            AddressRange readable = string.Equals(name, "anonymous", StringComparison.Ordinal) ? new AddressRange(range.Start, 60 * (ulong)Environment.SystemPageSize) : range;
            Assert.True(LiveMemory.Read(target.ProcessId, readable).AsSpan().SequenceEqual(Gdb.Memory(ofCore, readable, _folder)), $"gdb reads other bytes of {name}");
        }

        string asked = Gdb.Run(ofCore, "info auxv", "info proc mappings", "thread apply all p $ymm7", "thread apply all info registers rip rsp rbp fs_base");
        Assert.DoesNotContain(Lines(asked, "warning"), warning => !warning.Contains("(deleted)", StringComparison.Ordinal)); // shared memory has no file any more: as of the kernel's cores
        string live = Gdb.Run(ofProcess, "info auxv", "info proc mappings", "thread apply all p $ymm7", "thread apply all info registers rip rsp rbp fs_base");
        Assert.Equal(Lines(live, "AT_"), Lines(asked, "AT_"));
        Assert.Contains("AT_PHDR", asked, StringComparison.Ordinal);
        Assert.Equal(Lines(live, "v8_float"), Lines(asked, "v8_float"));
        Assert.Equal(CoreTarget.Threads + 1, Lines(asked, "v8_float").Length);
        Assert.Equal(Lines(live, "rsp "), Lines(asked, "rsp "));
        Assert.Equal(Lines(live, "fs_base "), Lines(asked, "fs_base "));
        Assert.NotEmpty(Lines(asked, CoreTarget.Program));
        Assert.NotEmpty(Lines(asked, target.MappedFile));
        Assert.Equal(traces, Gdb.Backtraces(ofProcess));
    }

    [Fact]
    public void Readelf_has_nothing_to_warn_of()
    {
        Requires.Root();
        Requires.Program("readelf");
        using CoreTarget target = CoreTarget.Start(_folder);
        string core = WriteCore(target);

        CompilerResult read = NativeCompiler.Run("readelf", ["-a", "-W", core]);

        Assert.Equal(0, read.ExitCode);
        Assert.DoesNotContain("readelf:", read.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("warning", read.Output, StringComparison.OrdinalIgnoreCase);
        foreach (string note in new[] { "NT_PRSTATUS", "NT_PRPSINFO", "NT_AUXV", "NT_FILE", "NT_FPREGSET" })
        {
            Assert.Contains(note, read.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Private_mapping_of_a_file_is_stored_where_it_was_changed_only()
    {
        Requires.Root();
        using CoreTarget target = CoreTarget.Start(_folder);
        string core = WriteCore(target);
        using ElfCore read = ElfCore.Open(core);
        ulong page = (ulong)Environment.SystemPageSize;
        AddressRange changed = target.Patterns["changed"];

        SnapshotRegion region = Assert.Single(read.State.Regions, region => region.Mapping.Range.Overlaps(changed));

        Assert.Equal((RegionContent.Changed, changed, target.MappedFile), (region.Content, region.Mapping.Range, region.Mapping.Name));
        Assert.Equal(
            [
                (2UL, SnapshotPageKind.File), (1UL, SnapshotPageKind.Stored), (1UL, SnapshotPageKind.Zero), (2UL, SnapshotPageKind.File),
                (1UL, SnapshotPageKind.Stored), (1UL, SnapshotPageKind.File),
            ],
            read.GetRuns(changed).Select(run => (run.Range.Length / page, run.Kind)));
        byte[] pages = new byte[2 * page];
        read.Read(changed.Start + (2 * page), pages);
        Assert.Equal(LiveMemory.Read(target.ProcessId, new AddressRange(changed.Start + (2 * page), 2 * page)), pages);
        Assert.Throws<EndOfStreamException>(() => read.Read(changed.Start, pages));
    }

    [Fact]
    public void Signal_that_a_thread_stands_for_is_told()
    {
        Requires.Root();
        Gdb.Require();
        using CoreTarget target = CoreTarget.Start(_folder);
        byte[] signal = new byte[ThreadState.SignalInformationLength];
        signal[0] = 11; // SIGSEGV
        signal[8] = 2; // SEGV_ACCERR
        BitConverter.TryWriteBytes(signal.AsSpan(16), 0x1234567000L);
        string core = WriteCore(target, state => state with { Threads = [state.Threads[0] with { SignalInformation = signal }, .. state.Threads.Skip(1)] });

        string said = Gdb.Run([CoreTarget.Program, core], "p $_siginfo.si_signo", "p $_siginfo.si_code", "p $_siginfo._sifields._sigfault.si_addr");

        Assert.Contains("Program terminated with signal SIGSEGV", said, StringComparison.Ordinal);
        Assert.Contains("$1 = 11", said, StringComparison.Ordinal);
        Assert.Contains("$2 = 2", said, StringComparison.Ordinal);
        Assert.Contains("0x1234567000", said, StringComparison.Ordinal);
    }

    [Fact]
    public void Tables_behind_the_pages_are_found()
    {
        Requires.Root();
        Gdb.Require();
        using CoreTarget target = CoreTarget.Start(_folder);
        SnapshotRegion[] many = [.. Enumerable.Range(0, 19_000).Select(index => Regions.Of(0x1000_0000_0000 + ((ulong)index * 2 * Regions.Page), 1, RegionContent.None))];
        string core = WriteCore(target, state => state with { Regions = [.. many, .. state.Regions] });

        byte[] header = File.ReadAllBytes(core)[..64];
        Assert.InRange(BitConverter.ToUInt64(header, 32), 1UL << 20, ulong.MaxValue); // e_phoff
        Assert.Contains("main;", Gdb.Backtraces([CoreTarget.Program, core])[target.ProcessId], StringComparison.Ordinal);
        CompilerResult read = NativeCompiler.Run("readelf", ["-h", "-l", "-W", core]);
        Assert.DoesNotContain("readelf:", read.Output, StringComparison.Ordinal);
    }

    private static string[] Lines(string text, string with) => [.. text.Split('\n').Where(line => line.Contains(with, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private string WriteCore(CoreTarget target, Func<ProcessState, ProcessState>? change = null)
    {
        string core = _folder.File("core");
        using ElfCoreWriter writer = ElfCoreWriter.Create(core, new SnapshotFileOptions { Durable = false });
        LiveCore.Write(target.ProcessId, writer, _folder, change: change);
        return core;
    }
}
