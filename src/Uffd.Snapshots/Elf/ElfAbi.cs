using System.Runtime.InteropServices;

namespace Uffd.Snapshots;

/// <summary>Constants of <c>elf.h</c> and layouts of <c>sys/procfs.h</c> for 64-bit little-endian cores; a test proves them with the C compiler.</summary>
internal static class ElfAbi
{
    public const int HeaderLength = 64; // Elf64_Ehdr
    public const int ProgramHeaderLength = 56; // Elf64_Phdr
    public const int SectionHeaderLength = 64; // Elf64_Shdr
    public const int NoteHeaderLength = 12; // Elf64_Nhdr

    public const ushort TypeCore = 4; // ET_CORE
    public const ushort MachineX64 = 62; // EM_X86_64
    public const ushort MachineArm64 = 183; // EM_AARCH64

    /// <summary>PN_XNUM: the number of program headers is in sh_info of section header 0.</summary>
    public const ushort ExtendedNumbering = 0xffff;

    public const uint SegmentLoad = 1; // PT_LOAD
    public const uint SegmentNote = 4; // PT_NOTE

    public const uint FlagExecute = 1; // PF_X
    public const uint FlagWrite = 2; // PF_W
    public const uint FlagRead = 4; // PF_R

    public const uint NoteStatus = 1; // NT_PRSTATUS
    public const uint NoteFloatingPoint = 2; // NT_PRFPREG, NT_FPREGSET
    public const uint NoteProcess = 3; // NT_PRPSINFO
    public const uint NoteAuxiliaryVector = 6; // NT_AUXV
    public const uint NoteExtendedState = 0x202; // NT_X86_XSTATE
    public const uint NoteExtendedLayout = 0x205; // NT_X86_XSAVE_LAYOUT
    public const uint NoteFiles = 0x46494c45; // NT_FILE
    public const uint NoteSignal = 0x53494749; // NT_SIGINFO

    public const int ProcessLength = 136; // struct elf_prpsinfo

    // struct elf_prstatus, up to its registers alike on all 64-bit architectures.
    public const int StatusCurrentSignal = 12;
    public const int StatusPending = 16;
    public const int StatusHeld = 24;
    public const int StatusThread = 32;
    public const int StatusParent = 36;
    public const int StatusGroup = 40;
    public const int StatusSession = 44;
    public const int StatusUserTime = 48;
    public const int StatusSystemTime = 64;
    public const int StatusRegisters = 112;

    // struct elf_prpsinfo.
    public const int ProcessNice = 3;
    public const int ProcessFlags = 8;
    public const int ProcessUser = 16;
    public const int ProcessGroupId = 20;
    public const int ProcessId = 24;
    public const int ProcessParent = 28;
    public const int ProcessGroup = 32;
    public const int ProcessSession = 36;
    public const int ProcessName = 40;
    public const int ProcessNameCapacity = 16;
    public const int ProcessArguments = 56;
    public const int ProcessArgumentsCapacity = 80;

    // linux/auxvec.h.
    public const ulong AuxiliaryProgramHeaders = 3; // AT_PHDR
    public const ulong AuxiliaryPageSize = 6; // AT_PAGESZ
    public const ulong AuxiliaryRandom = 25; // AT_RANDOM, which lies on the first stack
    public const ulong AuxiliaryVdso = 33; // AT_SYSINFO_EHDR

    /// <summary>The letters of pr_sname, whose place is pr_state.</summary>
    public const string StateLetters = "RSDTZW";

    /// <summary>Names of notes, padded to four bytes.</summary>
    public static ReadOnlySpan<byte> CoreName => "CORE\0\0\0\0"u8;

    /// <summary>The same for what Linux added.</summary>
    public static ReadOnlySpan<byte> LinuxName => "LINUX\0\0\0"u8;

    /// <summary>The length of the general registers (elf_gregset_t), or 0 for an architecture that is not known here.</summary>
    public static int RegistersLength(Architecture architecture) => architecture switch
    {
        Architecture.X64 => 27 * sizeof(ulong),
        Architecture.Arm64 => 34 * sizeof(ulong),
        _ => 0,
    };

    /// <summary>The length of struct elf_prstatus: the registers, the int pr_fpvalid behind them, and padding.</summary>
    public static int StatusLength(Architecture architecture) => StatusRegisters + RegistersLength(architecture) + sizeof(ulong);

    public static ushort Machine(Architecture architecture) => architecture == Architecture.Arm64 ? MachineArm64 : MachineX64;
}
