// What the C compiler proves the library's declarations of ptrace(2) and of signal frames against.
#pragma once
#include <elf.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

// Linux 6.9: pidfd.h
#ifndef PIDFD_THREAD
#define PIDFD_THREAD 0x80
#endif

// Not in the headers for programs: include/linux/errno.h.
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

// asm/ucontext.h, which cannot stand beside the C library's header.
#define UC_FP_XSTATE 0x1
#define UC_SIGCONTEXT_SS 0x2
#define UC_STRICT_RESTORE_SS 0x4

// The flat forms in which the library reads what C nests.
#define ptrace_syscall_info ptrace_syscall_info_flat
struct ptrace_syscall_info_flat {
    uint8_t op;
    uint32_t arch __attribute__((aligned(4)));
    uint64_t instruction_pointer;
    uint64_t stack_pointer;
    union {
        uint64_t entry_nr;
        int64_t exit_rval;
    };
    uint64_t rest[7];
};

#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
struct ptrace_sud_config {
    uint64_t mode, selector, offset, len;
};
#endif

#if defined(__x86_64__)
#include <sys/user.h>
#define SYS_ptrace_x86_64 SYS_ptrace
#define SYS_ptrace_arm64 117
#define SYS_waitid_x86_64 SYS_waitid
#define SYS_waitid_arm64 95
#define SYS_getdents64_x86_64 SYS_getdents64
#define SYS_getdents64_arm64 61
#define SYS_close_x86_64 SYS_close
#define SYS_rt_sigreturn_x86_64 SYS_rt_sigreturn
#define SYS_semop_x86_64 SYS_semop
#define SYS_rt_sigtimedwait_x86_64 SYS_rt_sigtimedwait
#define SYS_semtimedop_x86_64 SYS_semtimedop
#define SYS_epoll_wait_x86_64 SYS_epoll_wait
#define SYS_epoll_pwait_x86_64 SYS_epoll_pwait
#define user_regs_struct_x86_64 user_regs_struct
#else
#define SYS_ptrace_x86_64 101
#define SYS_ptrace_arm64 SYS_ptrace
#define SYS_waitid_x86_64 247
#define SYS_waitid_arm64 SYS_waitid
#define SYS_getdents64_x86_64 217
#define SYS_getdents64_arm64 SYS_getdents64
#define SYS_close_x86_64 3
#define SYS_rt_sigreturn_x86_64 15
#define SYS_semop_x86_64 65
#define SYS_rt_sigtimedwait_x86_64 128
#define SYS_semtimedop_x86_64 220
#define SYS_epoll_wait_x86_64 232
#define SYS_epoll_pwait_x86_64 281
#define FP_XSTATE_MAGIC1 0x46505853U
#define FP_XSTATE_MAGIC2 0x46505845U
struct user_regs_struct_x86_64 {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
    uint64_t fs_base, gs_base, ds, es, fs, gs;
};
#endif

struct sigcontext_x86_64 {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate;
    uint64_t reserved1_0, reserved1_1, reserved1_2, reserved1_3, reserved1_4, reserved1_5, reserved1_6, reserved1_7;
};

// arch/x86/include/asm/sigframe.h
struct rt_sigframe_x86_64 {
    uint64_t pretcode;
    uint64_t uc_flags, uc_link;
    uint64_t ss_sp;
    int32_t ss_flags, ss_padding;
    uint64_t ss_size;
    struct sigcontext_x86_64 uc_mcontext;
    uint64_t uc_sigmask;
};

struct fpx_sw_bytes_x86_64 {
    uint32_t magic1, extended_size;
    uint64_t xstate_bv;
    uint32_t xstate_size;
    uint32_t padding_0, padding_1, padding_2, padding_3, padding_4, padding_5, padding_6;
};
