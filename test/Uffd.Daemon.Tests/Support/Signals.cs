using System.Runtime.InteropServices;

namespace Uffd.Daemon.Tests;

/// <summary>kill(2).</summary>
internal static partial class Signals
{
    public const int Stop = 19;
    public const int Continue = 18;

    [LibraryImport("libc", EntryPoint = "kill")]
    public static partial int Send(int processId, int signal);
}
