using System.Buffers.Binary;
using System.Globalization;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>The state of a stopped process, from /proc and from registers that test/native/coregrab.c dumped.</summary>
internal static class ProcState
{
    private static readonly Lazy<string> Grabber = new(() => NativeCompiler.Build("coregrab", ["coregrab.c"]), LazyThreadSafetyMode.PublicationOnly);

    public static ProcessState Read(int processId, TemporaryFolder folder, IReadOnlyList<SnapshotRegion> regions)
    {
        string registers = folder.File("registers");
        CompilerResult grabbed = NativeCompiler.Run(Grabber.Value, [processId.ToString(CultureInfo.InvariantCulture), registers]);
        Assert.True(grabbed.ExitCode == 0, grabbed.Output);
        string stat = File.ReadAllText($"/proc/{processId}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return new ProcessState
        {
            ProcessId = processId,
            ParentProcessId = Number(fields[1]),
            ProcessGroup = Number(fields[2]),
            Session = Number(fields[3]),
            UserId = 0,
            State = fields[0][0],
            KernelFlags = ulong.Parse(fields[6], CultureInfo.InvariantCulture),
            Nice = Number(fields[16]),
            Name = File.ReadAllText($"/proc/{processId}/comm").TrimEnd('\n'),
            Arguments = File.ReadAllText($"/proc/{processId}/cmdline").TrimEnd('\0').Split('\0'),
            Executable = new FileInfo($"/proc/{processId}/exe").LinkTarget ?? "",
            AuxiliaryVector = File.ReadAllBytes($"/proc/{processId}/auxv"),
            Threads = [.. ReadThreads(File.ReadAllBytes(registers)).OrderBy(thread => thread.ThreadId == processId ? 0 : thread.ThreadId)],
            Regions = regions,
        };
    }

    private static IEnumerable<ThreadState> ReadThreads(ReadOnlyMemory<byte> dump)
    {
        while (!dump.IsEmpty)
        {
            int id = (int)BinaryPrimitives.ReadUInt32LittleEndian(dump.Span);
            dump = dump[4..];
            ReadOnlyMemory<byte> general = TakeSet(ref dump);
            ReadOnlyMemory<byte> floating = TakeSet(ref dump);
            ReadOnlyMemory<byte> extended = TakeSet(ref dump);
            ulong blocked = BinaryPrimitives.ReadUInt64LittleEndian(dump.Span);
            dump = dump[8..];
            yield return new ThreadState { ThreadId = id, General = general, FloatingPoint = floating, Extended = extended, BlockedSignals = blocked };
        }
    }

    private static ReadOnlyMemory<byte> TakeSet(ref ReadOnlyMemory<byte> dump)
    {
        int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(dump.Span);
        ReadOnlyMemory<byte> set = dump.Slice(4, length);
        dump = dump[(4 + length)..];
        return set;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
