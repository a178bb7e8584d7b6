using System.Globalization;
using System.Runtime.InteropServices;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>What is told of a process goes through a core and comes back; the format's limits and layouts are those of C.</summary>
public sealed class CoreFormatTests : IDisposable
{
    private const ulong Base = 0x5500_0000_0000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void State_comes_back()
    {
        byte[] auxiliary = new byte[32];
        auxiliary[0] = 6; // AT_PAGESZ
        auxiliary[9] = 0x10;
        ProcessState state = Regions.State(
            Regions.Of(Base, 4),
            Regions.Of(Base + (16 * Regions.Page), 4, RegionContent.Changed, "/usr/lib/libä.so"),
            Regions.Of(Base + (32 * Regions.Page), 1, RegionContent.None));
        state = state with { AuxiliaryVector = auxiliary };
        using ElfCore core = Through(state, writer => writer.Write(Base + (17 * Regions.Page), Regions.Pages(7)));

        ProcessState read = core.State;

        Assert.Equal(
            (state.ProcessId, state.ParentProcessId, state.ProcessGroup, state.Session, state.UserId, state.GroupId, state.State, state.Nice, state.KernelFlags, state.Name, state.PageSize),
            (read.ProcessId, read.ParentProcessId, read.ProcessGroup, read.Session, read.UserId, read.GroupId, read.State, read.Nice, read.KernelFlags, read.Name, read.PageSize));
        Assert.Equal(state.Arguments, read.Arguments);
        Assert.Equal(auxiliary, read.AuxiliaryVector.ToArray());
        Assert.Equal(state.Regions.Select(region => (region.Mapping.Range, region.Mapping.Name, region.Mapping.Permissions, region.Content)), read.Regions.Select(region => (region.Mapping.Range, region.Mapping.Name, region.Mapping.Permissions, region.Content)));
        Assert.Equal(state.Threads.Select(Describe), read.Threads.Select(Describe));
        Assert.Equal("core", core.Format);
        Assert.Empty(core.Parents);
    }

    [Fact]
    public void Core_of_arm64_comes_back()
    {
        byte[] registers = new byte[272];
        registers[271] = 9;
        ProcessState state = Regions.State(Regions.Of(Base, 1)) with
        {
            Architecture = Architecture.Arm64,
            Threads = [new ThreadState { ThreadId = 5, General = registers, FloatingPoint = new byte[528] }],
        };
        using ElfCore core = Through(state, static _ => { });

        Assert.Equal(Architecture.Arm64, core.State.Architecture);
        Assert.Equal(registers, core.State.Threads.Single().General.ToArray());
    }

    [Fact]
    public void Registers_of_another_length_are_refused()
    {
        using ElfCoreWriter writer = Regions.Writer(_folder.File("core"));
        ProcessState state = Regions.State(Regions.Of(Base, 1)) with { Threads = [new ThreadState { ThreadId = 5, General = new byte[272] }] };
        Assert.Throws<ArgumentException>(() => writer.Complete(state));
    }

    [Fact]
    public void More_program_headers_than_the_header_can_tell()
    {
        const int Count = 70_000;
        ProcessState state = Regions.State([.. Enumerable.Range(0, Count).Select(index => Regions.Of(Base + ((ulong)index * 2 * Regions.Page), 1))]);
        using ElfCore core = Through(state, writer => writer.Write(Base + (2 * Regions.Page * (Count - 1)), Regions.Pages(9)));

        Assert.Equal(Count, core.State.Regions.Count);
        byte[] page = new byte[Regions.Page];
        core.Read(state.Regions[^1].Mapping.Range.Start, page);
        Assert.Equal(Regions.Pages(9), page);

        Requires.Program("readelf");
        CompilerResult read = NativeCompiler.Run("readelf", ["-h", "-l", "-W", _folder.File("core")]);
        Assert.Equal(Count, read.Output.Split('\n').Count(line => line.TrimStart().StartsWith("LOAD", StringComparison.Ordinal)));
        Assert.Contains($"65535 ({Count + 1})", read.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("readelf:", read.Output, StringComparison.Ordinal);
    }

    /// <summary>A region is one program header when it was expected, however its pages came; one that was not is where they came in order.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Region_is_one_program_header(bool isExpected)
    {
        ProcessState state = Regions.State(Regions.Of(Base, 20_000));
        using ElfCore core = Through(state, writer =>
        {
            if (isExpected)
            {
                writer.Expect(new AddressRange(Base, 20_000 * Regions.Page));
                writer.Write(Base + (12_000 * Regions.Page), Regions.Pages(4, 5));
            }

            for (ulong page = 0; page < 20_000; page += 4)
            {
                writer.Write(Base + (page * Regions.Page), Regions.Pages(1, 0, 2, 3));
            }
        });
        Assert.Single(core.State.Regions);
    }

    [Fact]
    public void Compiler_agrees_with_every_layout()
    {
        Requires.Compiler();
        string source = _folder.File("layout.c");
        File.WriteAllLines(source, ["#include <elf.h>", "#include <stddef.h>", "#include <sys/procfs.h>", .. LayoutAssertions()]);
        CompilerResult compiled = NativeCompiler.Run("gcc", ["-std=gnu11", "-fsyntax-only", source]);
        Assert.True(compiled.ExitCode == 0, compiled.Output);

        File.AppendAllLines(source, [AssertEqual("sizeof(struct elf_prstatus)", 335)]); // the control
        Assert.NotEqual(0, NativeCompiler.Run("gcc", ["-std=gnu11", "-fsyntax-only", source]).ExitCode);
    }

    private static IEnumerable<string> LayoutAssertions()
    {
        Architecture architecture = RuntimeInformation.ProcessArchitecture;
        (string Expression, long Value)[] facts =
        [
            ("sizeof(Elf64_Ehdr)", ElfAbi.HeaderLength), ("sizeof(Elf64_Phdr)", ElfAbi.ProgramHeaderLength), ("sizeof(Elf64_Shdr)", ElfAbi.SectionHeaderLength),
            ("sizeof(Elf64_Nhdr)", ElfAbi.NoteHeaderLength), ("ET_CORE", ElfAbi.TypeCore), ("EM_X86_64", ElfAbi.MachineX64), ("EM_AARCH64", ElfAbi.MachineArm64),
            ("PN_XNUM", ElfAbi.ExtendedNumbering), ("PT_LOAD", ElfAbi.SegmentLoad), ("PT_NOTE", ElfAbi.SegmentNote), ("PF_X", ElfAbi.FlagExecute), ("PF_W", ElfAbi.FlagWrite),
            ("PF_R", ElfAbi.FlagRead), ("NT_PRSTATUS", ElfAbi.NoteStatus), ("NT_PRFPREG", ElfAbi.NoteFloatingPoint), ("NT_PRPSINFO", ElfAbi.NoteProcess),
            ("NT_AUXV", ElfAbi.NoteAuxiliaryVector), ("NT_X86_XSTATE", ElfAbi.NoteExtendedState), ("NT_FILE", ElfAbi.NoteFiles), ("NT_SIGINFO", ElfAbi.NoteSignal),
            ("sizeof(struct elf_prstatus)", ElfAbi.StatusLength(architecture)), ("sizeof(elf_gregset_t)", ElfAbi.RegistersLength(architecture)),
            ("offsetof(struct elf_prstatus, pr_cursig)", ElfAbi.StatusCurrentSignal), ("offsetof(struct elf_prstatus, pr_sigpend)", ElfAbi.StatusPending),
            ("offsetof(struct elf_prstatus, pr_sighold)", ElfAbi.StatusHeld), ("offsetof(struct elf_prstatus, pr_pid)", ElfAbi.StatusThread),
            ("offsetof(struct elf_prstatus, pr_ppid)", ElfAbi.StatusParent), ("offsetof(struct elf_prstatus, pr_pgrp)", ElfAbi.StatusGroup),
            ("offsetof(struct elf_prstatus, pr_sid)", ElfAbi.StatusSession), ("offsetof(struct elf_prstatus, pr_utime)", ElfAbi.StatusUserTime),
            ("offsetof(struct elf_prstatus, pr_stime)", ElfAbi.StatusSystemTime), ("offsetof(struct elf_prstatus, pr_reg)", ElfAbi.StatusRegisters),
            ("offsetof(struct elf_prstatus, pr_fpvalid)", ElfAbi.StatusRegisters + ElfAbi.RegistersLength(architecture)),
            ("offsetof(struct elf_siginfo, si_code)", 4), ("offsetof(struct elf_siginfo, si_errno)", 8),
            ("sizeof(struct elf_prpsinfo)", ElfAbi.ProcessLength), ("offsetof(struct elf_prpsinfo, pr_nice)", ElfAbi.ProcessNice),
            ("offsetof(struct elf_prpsinfo, pr_flag)", ElfAbi.ProcessFlags), ("offsetof(struct elf_prpsinfo, pr_uid)", ElfAbi.ProcessUser),
            ("offsetof(struct elf_prpsinfo, pr_gid)", ElfAbi.ProcessGroupId), ("offsetof(struct elf_prpsinfo, pr_pid)", ElfAbi.ProcessId),
            ("offsetof(struct elf_prpsinfo, pr_ppid)", ElfAbi.ProcessParent), ("offsetof(struct elf_prpsinfo, pr_pgrp)", ElfAbi.ProcessGroup),
            ("offsetof(struct elf_prpsinfo, pr_sid)", ElfAbi.ProcessSession), ("offsetof(struct elf_prpsinfo, pr_fname)", ElfAbi.ProcessName),
            ("offsetof(struct elf_prpsinfo, pr_psargs)", ElfAbi.ProcessArguments), ("ELF_PRARGSZ", ElfAbi.ProcessArgumentsCapacity),
            ("AT_PHDR", (long)ElfAbi.AuxiliaryProgramHeaders), ("AT_PAGESZ", (long)ElfAbi.AuxiliaryPageSize), ("AT_RANDOM", (long)ElfAbi.AuxiliaryRandom),
            ("AT_SYSINFO_EHDR", (long)ElfAbi.AuxiliaryVdso),
        ];
        return facts.Select(fact => AssertEqual(fact.Expression, fact.Value));
    }

    private static string AssertEqual(string expression, long value)
        => string.Create(CultureInfo.InvariantCulture, $"_Static_assert(({expression}) == {value}, \"{expression}\");");

    private static (int, string, string, string, string, ulong, ulong, TimeSpan, TimeSpan) Describe(ThreadState thread) =>
    (
        thread.ThreadId, Convert.ToHexString(thread.General.Span), Convert.ToHexString(thread.FloatingPoint.Span), Convert.ToHexString(thread.Extended.Span),
        Convert.ToHexString(thread.SignalInformation.Span), thread.PendingSignals, thread.BlockedSignals, thread.UserTime, thread.SystemTime);

    private ElfCore Through(ProcessState state, Action<ISnapshotSink> fill)
    {
        using (ElfCoreWriter writer = Regions.Writer(_folder.File("core")))
        {
            fill(writer);
            writer.Complete(state);
        }

        return ElfCore.Open(_folder.File("core"));
    }
}
