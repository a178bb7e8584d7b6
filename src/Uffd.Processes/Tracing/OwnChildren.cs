using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>
/// A traced process that is this process's own child: its parent and its tracer are one then, and whoever in this process waits for children is shown the tracee's stops.
/// .NET does so at each SIGCHLD, and takes a stop for the child's end. So that no stop brings a SIGCHLD, it is asked for without them (SA_NOCLDSTOP, sigaction(2)): nobody
/// in .NET wants to know of stopped children. What is left is the chance that another child ends within the microseconds between a stop and the tracer's look at it.
/// </summary>
internal static unsafe class OwnChildren
{
    private static readonly Lock Guard = new();

    /// <summary>Prepares this process for tracing a process, if that is its child.</summary>
    /// <param name="processId">The process.</param>
    public static void Prepare(int processId)
    {
        if (!IsChild(processId))
        {
            return;
        }

        lock (Guard)
        {
            sigaction action;
            if (LibC.SignalAction(SignalAbi.SIGCHLD, null, &action) == 0 && (action.sa_flags & SignalAbi.SA_NOCLDSTOP) == 0)
            {
                action.sa_flags |= SignalAbi.SA_NOCLDSTOP;
                LibC.SignalAction(SignalAbi.SIGCHLD, &action, null);
            }
        }
    }

    private static bool IsChild(int processId)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > 1 && int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out int parent) && parent == Environment.ProcessId;
        }
        catch (IOException)
        {
            return false; // it is gone: what comes next will say so
        }
    }
}
