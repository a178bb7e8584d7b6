using System.Globalization;
using System.Text.RegularExpressions;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>Asks gdb, of a core or of a live process.</summary>
internal static partial class Gdb
{
    public static void Require() => Requires.Program("gdb");

    public static string Run(IReadOnlyList<string> target, params IReadOnlyList<string> commands)
    {
        string[] arguments =
        [
            "-batch", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set auto-load no", "-ex", "set pagination off", "-ex", "set width 0", "-ex", "set print thread-events off",
            .. commands.SelectMany(command => new[] { "-ex", command }), .. target,
        ];
        CompilerResult result = NativeCompiler.Run("gdb", arguments);
        Assert.True(result.ExitCode == 0, result.Output);
        return result.Output;
    }

    /// <summary>The functions of each thread's frames, by the thread's id.</summary>
    public static SortedDictionary<int, string> Backtraces(IReadOnlyList<string> target)
    {
        var traces = new SortedDictionary<int, string>();
        int thread = 0;
        foreach (string line in Run(target, "thread apply all bt").Split('\n'))
        {
            if (Thread().Match(line) is { Success: true } head)
            {
                thread = int.Parse(head.Groups["id"].Value, CultureInfo.InvariantCulture);
                traces[thread] = "";
            }
            else if (Frame().Match(line) is { Success: true } frame && thread != 0)
            {
                traces[thread] += $"{frame.Groups["function"].Value};";
            }
        }

        return traces;
    }

    /// <summary>The bytes that gdb reads.</summary>
    public static byte[] Memory(IReadOnlyList<string> target, AddressRange range, TemporaryFolder folder)
    {
        string file = folder.File("dump");
        File.Delete(file);
        string said = Run(target, string.Create(CultureInfo.InvariantCulture, $"dump binary memory {file} 0x{range.Start:x} 0x{range.End:x}"));
        Assert.True(File.Exists(file), said);
        return File.ReadAllBytes(file);
    }

    [GeneratedRegex(@"^Thread \d+ .*LWP (?<id>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Thread();

    [GeneratedRegex(@"^#\d+\s+(0x[0-9a-f]+ in )?(?<function>[^ ]+) \(", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Frame();
}
