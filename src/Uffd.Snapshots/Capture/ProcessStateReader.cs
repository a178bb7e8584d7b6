using System.Globalization;
using System.Text;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// What /proc tells of a process beside its memory (proc_pid_stat(5), proc_pid_status(5)). Ids, names and times are read right after the stop: they are not what it
/// costs a stop for.
/// </summary>
internal static class ProcessStateReader
{
    private const int TicksPerSecond = 100; // USER_HZ, the same on every architecture that this runs on

    /// <summary>Reads the state.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="registers">Its threads' registers.</param>
    /// <param name="threads">How many of them.</param>
    /// <param name="regions">Its mappings.</param>
    /// <param name="instant">When it stood.</param>
    public static ProcessState Read(int processId, IReadOnlyList<ThreadRegisters> registers, int threads, IReadOnlyList<SnapshotRegion> regions, DateTimeOffset instant)
    {
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}");
        (string name, string[] stat) = Stat(folder);
        Dictionary<string, string> status = Status(folder);
        return new ProcessState
        {
            ProcessId = processId,
            ParentProcessId = (int)Number(stat, 1),
            ProcessGroup = (int)Number(stat, 2),
            Session = (int)Number(stat, 3),
            KernelFlags = (ulong)Number(stat, 6),
            Nice = (int)Number(stat, 16),
            State = stat.Length > 0 && stat[0].Length == 1 ? stat[0][0] : 'R',
            UserId = First(status, "Uid"),
            GroupId = First(status, "Gid"),
            Name = name,
            Arguments = Text(folder + "/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries),
            Executable = Executable(folder),
            AuxiliaryVector = Bytes(folder + "/auxv"),
            KernelRelease = Text("/proc/sys/kernel/osrelease").Trim(),
            Taken = instant,
            Threads = [.. registers.Take(threads).Select(one => Thread(folder, one))],
            Regions = regions,
        };
    }

    private static ThreadState Thread(string folder, ThreadRegisters registers)
    {
        string task = string.Create(CultureInfo.InvariantCulture, $"{folder}/task/{registers.ThreadId}");
        (string name, string[] stat) = Stat(task);
        Dictionary<string, string> status = Status(task);
        return new ThreadState
        {
            ThreadId = registers.ThreadId,
            Name = name,
            General = registers.General.ToArray(),
            FloatingPoint = registers.FloatingPoint.ToArray(),
            Extended = registers.Extended.ToArray(),
            SignalInformation = registers.SignalInformation.ToArray(),
            BlockedSignals = registers.BlockedSignals,
            PendingSignals = status.TryGetValue("SigPnd", out string? pending)
                && ulong.TryParse(pending, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong bits) ? bits : 0,
            UserTime = Ticks(stat, 11),
            SystemTime = Ticks(stat, 12),
        };
    }

    /// <summary>The name between the outermost brackets, and the fields behind it: the first of them is the state.</summary>
    private static (string Name, string[] Fields) Stat(string folder)
    {
        string text = Text(folder + "/stat");
        int open = text.IndexOf('(', StringComparison.Ordinal), close = text.LastIndexOf(')');
        return open < 0 || close < open ? ("", []) : (text[(open + 1)..close], text[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    private static Dictionary<string, string> Status(string folder)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in Text(folder + "/status").Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                fields.TryAdd(line[..colon], line[(colon + 1)..].Trim());
            }
        }

        return fields;
    }

    private static uint First(Dictionary<string, string> status, string field)
        => status.TryGetValue(field, out string? text) && uint.TryParse(text.Split('\t', ' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint id) ? id : 0;

    private static long Number(string[] fields, int index)
        => index < fields.Length && long.TryParse(fields[index], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : 0;

    private static TimeSpan Ticks(string[] fields, int index) => TimeSpan.FromSeconds((double)Math.Max(0, Number(fields, index)) / TicksPerSecond);

    private static string Executable(string folder)
    {
        try
        {
            return new FileInfo(folder + "/exe").LinkTarget ?? "";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string Text(string path) => Encoding.UTF8.GetString(Bytes(path));

    // The process may have ended since: what is not known any more is left empty, the memory and registers are there.
    private static byte[] Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
