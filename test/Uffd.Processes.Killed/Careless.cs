using Uffd.Abi;

namespace Uffd.Processes.Killed;

/// <summary>The control of the test: what a tracer does that thinks it will live.</summary>
internal static unsafe class Careless
{
    /// <summary>Sets the first thread on other registers and is killed before it puts them back.</summary>
    /// <param name="processId">The process.</param>
    public static void Break(int processId)
    {
        using var files = new TargetFiles(processId);
        using var self = ProcessHandle.TryOpen(Environment.ProcessId)!;
        var thread = new SeizedThread(files, processId);
        Ptrace.Seize(processId, PtraceAbi.PTRACE_O_TRACESYSGOOD);
        thread.Halt();
        user_regs_struct_x86_64 registers;
        Ptrace.GetRegisters(processId, &registers);
        registers.rbx ^= 1;
        registers.rbp ^= 1;
        registers.r12 ^= 1;
        registers.r13 ^= 1;
        registers.r14 ^= 1;
        Ptrace.SetRegisters(processId, &registers);
        self.Kill();
    }
}

/// <summary>Work that is over at once.</summary>
internal sealed class Nothing : IStoppedWork
{
    /// <inheritdoc/>
    public void Run(StoppedProcess process)
    {
    }
}
