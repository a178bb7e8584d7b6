using System.Runtime.InteropServices;

namespace Uffd.Snapshots.Tests;

/// <summary>The same copy, of a process that stands (SIGSTOP): of one instant. What a check must pass.</summary>
internal static partial class StandingCopy
{
    private const int SIGCONT = 18;
    private const int SIGSTOP = 19;

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    /// <summary>Copies a process.</summary>
    /// <param name="processId">Its id.</param>
    public static MemorySnapshot Take(int processId)
    {
        Send(processId, SIGSTOP);
        try
        {
            Assert.True(SpinWait.SpinUntil(() => Stands(processId), Patience), "the process does not stop");
            return PlainCopy.Take(processId);
        }
        finally
        {
            Send(processId, SIGCONT);
        }
    }

    private static bool Stands(int processId)
        => Directory.GetDirectories($"/proc/{processId}/task").All(thread => ReadStatus(thread) is "T" or "Z" or "X");

    /// <summary>The letter of proc_pid_stat(5), which comes behind the name in brackets.</summary>
    private static string ReadStatus(string thread)
    {
        try
        {
            string text = File.ReadAllText(Path.Combine(thread, "stat"));
            return text.Substring(text.LastIndexOf(')') + 2, 1);
        }
        catch (IOException)
        {
            return "X"; // ended between the two looks
        }
    }

    private static void Send(int processId, int signal) => Assert.Equal(0, Kill(processId, signal));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
