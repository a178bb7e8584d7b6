namespace Uffd.Tests.Abi;

/// <summary>
/// The headers for programs have no struct rt_sigframe: its parts are compared with the ucontext_t that a handler is given, which is the same memory.
/// AbiTests compares everything else of PtraceAbi.
/// </summary>
public class SignalFrameTests
{
    private const string Parts = """
        #include "abi.h"
        #include <sys/ucontext.h>
        #define FRAME(field, path) _Static_assert(offsetof(struct rt_sigframe_x86_64, field) == 8 + offsetof(ucontext_t, path), #field)
        FRAME(uc_flags, uc_flags);
        FRAME(uc_link, uc_link);
        FRAME(ss_sp, uc_stack.ss_sp);
        FRAME(ss_flags, uc_stack.ss_flags);
        FRAME(ss_size, uc_stack.ss_size);
        FRAME(uc_mcontext, uc_mcontext);
        FRAME(uc_sigmask, uc_sigmask);
        #define REGISTER(field, name) _Static_assert(offsetof(struct sigcontext_x86_64, field) == sizeof(greg_t) * (name), #field)
        REGISTER(r8, REG_R8);
        REGISTER(r15, REG_R15);
        REGISTER(rdi, REG_RDI);
        REGISTER(rsi, REG_RSI);
        REGISTER(rbp, REG_RBP);
        REGISTER(rbx, REG_RBX);
        REGISTER(rdx, REG_RDX);
        REGISTER(rax, REG_RAX);
        REGISTER(rcx, REG_RCX);
        REGISTER(rsp, REG_RSP);
        REGISTER(rip, REG_RIP);
        REGISTER(eflags, REG_EFL);
        REGISTER(cs, REG_CSGSFS);
        REGISTER(oldmask, REG_OLDMASK);
        REGISTER(cr2, REG_CR2);
        _Static_assert(offsetof(struct sigcontext_x86_64, fpstate) == offsetof(mcontext_t, fpregs), "fpstate");
        _Static_assert(sizeof(struct fpx_sw_bytes_x86_64) == sizeof(struct _fpx_sw_bytes), "_fpx_sw_bytes");
        _Static_assert(offsetof(struct fpx_sw_bytes_x86_64, xstate_size) == offsetof(struct _fpx_sw_bytes, xstate_size), "xstate_size");
        """;

    [Fact]
    public void Frame_is_the_one_that_handlers_are_given()
    {
        Assert.SkipUnless(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, "x86-64 alone");
        CompilerResult result = Compile(Parts);
        Assert.True(result.ExitCode == 0, result.Output);
        Assert.NotEqual(0, Compile(Parts + "\nREGISTER(rsp, REG_RIP);").ExitCode);
    }

    private static CompilerResult Compile(string source)
    {
        Requires.Compiler();
        using var folder = new TemporaryFolder();
        string file = folder.File("frame.c");
        File.WriteAllText(file, source);
        return NativeCompiler.Run("gcc", ["-std=gnu11", "-fsyntax-only", $"-I{NativeCompiler.SourceFolder}", file]);
    }
}
