using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>Constants of <c>linux/ptrace.h</c>, <c>linux/elf.h</c>, <c>linux/wait.h</c> and <c>linux/pidfd.h</c> that have one value on x86-64 and arm64.</summary>
internal static class PtraceAbi
{
    public const int SYS_pidfd_getfd = 438;
    public const int SYS_ptrace_x86_64 = 101;
    public const int SYS_ptrace_arm64 = 117;
    public const int SYS_waitid_x86_64 = 247;
    public const int SYS_waitid_arm64 = 95;
    public const int SYS_getdents64_x86_64 = 217;
    public const int SYS_getdents64_arm64 = 61;
    public const int SYS_close_x86_64 = 3;
    public const int SYS_rt_sigreturn_x86_64 = 15;
    public const int SYS_semop_x86_64 = 65;
    public const int SYS_rt_sigtimedwait_x86_64 = 128;
    public const int SYS_semtimedop_x86_64 = 220;
    public const int SYS_epoll_wait_x86_64 = 232;
    public const int SYS_epoll_pwait_x86_64 = 281;
    public const int SYS_epoll_pwait2 = 441;

    public const int PTRACE_PEEKDATA = 2;
    public const int PTRACE_CONT = 7;
    public const int PTRACE_DETACH = 17;
    public const int PTRACE_SYSCALL = 24;
    public const int PTRACE_GETSIGINFO = 0x4202;
    public const int PTRACE_GETREGSET = 0x4204;
    public const int PTRACE_SETREGSET = 0x4205;
    public const int PTRACE_SEIZE = 0x4206;
    public const int PTRACE_INTERRUPT = 0x4207;
    public const int PTRACE_GETSIGMASK = 0x420A;
    public const int PTRACE_SETSIGMASK = 0x420B;
    public const int PTRACE_GET_SYSCALL_INFO = 0x420E;
    public const int PTRACE_GET_RSEQ_CONFIGURATION = 0x420F;
    public const int PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG = 0x4211;

    public const int PTRACE_O_TRACESYSGOOD = 0x1;
    public const int PTRACE_O_TRACECLONE = 0x8;
    public const int PTRACE_O_TRACEEXEC = 0x10;
    public const int PTRACE_O_SUSPEND_SECCOMP = 0x20_0000;
    public const int PTRACE_EVENT_EXEC = 4;
    public const int PTRACE_EVENT_STOP = 128;
    public const int PTRACE_SYSCALL_INFO_ENTRY = 1;
    public const int PTRACE_SYSCALL_INFO_EXIT = 2;

    public const int NT_PRSTATUS = 1;
    public const int NT_PRFPREG = 2;
    public const int NT_X86_XSTATE = 0x202;

    public const int P_PID = 1;
    public const int WNOHANG = 0x1;
    public const int WSTOPPED = 0x2;
    public const int WEXITED = 0x4;
    public const int WNOWAIT = 0x0100_0000;
    public const int __WALL = 0x4000_0000;
    public const int CLD_TRAPPED = 4;
    public const int CLD_STOPPED = 5;
    public const int SIGCHLD = 17;
    public const int SA_NOCLDSTOP = 1;
    public const int SIGTRAP = 5;
    public const int SIGBUS = 7;
    public const int SIGSEGV = 11;
    public const int SIGILL = 4;
    public const int SIGSYS = 31;
    public const int PR_SET_TIMERSLACK = 29;
    public const int PIDFD_THREAD = 0x80;

    // What a system call that is to be begun again has in the register of its result (include/linux/errno.h): programs never see it, tracers do.
    public const int ERESTARTSYS = 512;
    public const int ERESTARTNOINTR = 513;
    public const int ERESTARTNOHAND = 514;
    public const int ERESTART_RESTARTBLOCK = 516;

    public const uint FP_XSTATE_MAGIC1 = 0x46505853;
    public const uint FP_XSTATE_MAGIC2 = 0x46505845;
    public const int UC_FP_XSTATE = 0x1;
    public const int UC_SIGCONTEXT_SS = 0x2;
    public const int UC_STRICT_RESTORE_SS = 0x4;

    private static bool IsArm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static int SYS_ptrace => IsArm ? SYS_ptrace_arm64 : SYS_ptrace_x86_64;

    public static int SYS_waitid => IsArm ? SYS_waitid_arm64 : SYS_waitid_x86_64;

    public static int SYS_getdents64 => IsArm ? SYS_getdents64_arm64 : SYS_getdents64_x86_64;
}

/// <summary><c>struct sigaction</c> of the C library: of all of its 152 bytes, what is looked at.</summary>
[StructLayout(LayoutKind.Explicit, Size = 152)]
internal struct sigaction
{
    [FieldOffset(0)] public nint sa_handler;
    [FieldOffset(136)] public int sa_flags;
}

/// <summary><c>struct user_regs_struct</c> of x86-64: the set NT_PRSTATUS.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct user_regs_struct_x86_64
{
    public ulong r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
    public ulong fs_base, gs_base, ds, es, fs, gs;
}

/// <summary><c>struct sigcontext</c> of x86-64: what rt_sigreturn(2) takes the registers from.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct sigcontext_x86_64
{
    public ulong r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    public ushort cs, gs, fs, ss;
    public ulong err, trapno, oldmask, cr2, fpstate;
    public ulong reserved1_0, reserved1_1, reserved1_2, reserved1_3, reserved1_4, reserved1_5, reserved1_6, reserved1_7;
}

/// <summary><c>struct rt_sigframe</c> of x86-64 (arch/x86/include/asm/sigframe.h), up to the siginfo, which rt_sigreturn(2) does not read.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct rt_sigframe_x86_64
{
    public ulong pretcode;
    public ulong uc_flags;
    public ulong uc_link;
    public ulong ss_sp;
    public int ss_flags;
    public int ss_padding;
    public ulong ss_size;
    public sigcontext_x86_64 uc_mcontext;
    public ulong uc_sigmask;
}

/// <summary><c>struct _fpx_sw_bytes</c>: says in bytes 464 to 511 of the floating-point state that extended state follows.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct fpx_sw_bytes_x86_64
{
    public uint magic1;
    public uint extended_size;
    public ulong xstate_bv;
    public uint xstate_size;
    public uint padding_0, padding_1, padding_2, padding_3, padding_4, padding_5, padding_6;
}

/// <summary><c>struct ptrace_rseq_configuration</c> (Linux 5.13).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ptrace_rseq_configuration
{
    public ulong rseq_abi_pointer;
    public uint rseq_abi_size;
    public uint signature;
    public uint flags;
    public uint pad;
}

/// <summary><c>struct ptrace_sud_config</c> (Linux 6.4).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ptrace_sud_config
{
    public ulong mode;
    public ulong selector;
    public ulong offset;
    public ulong len;
}

/// <summary><c>struct ptrace_syscall_info</c> (Linux 5.3), as much of it as every stop has, and the first word of what differs.</summary>
[StructLayout(LayoutKind.Explicit, Size = 88)]
internal struct ptrace_syscall_info
{
    [FieldOffset(0)] public byte op;
    [FieldOffset(4)] public uint arch;
    [FieldOffset(8)] public ulong instruction_pointer;
    [FieldOffset(16)] public ulong stack_pointer;
    [FieldOffset(24)] public ulong entry_nr;
    [FieldOffset(24)] public long exit_rval;
}
